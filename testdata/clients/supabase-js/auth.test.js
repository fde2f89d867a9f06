// Walks the flows of auth/v1 with the unmodified client. Mails are read from the SMTP server of the Go test that runs this, at
// NEXUS_MAIL_URL: GET /?to=address&after=n waits for the mail after the n-th to an address.
import assert from 'node:assert/strict'
import { createHmac, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createClient } from '@supabase/supabase-js'

const { NEXUS_URL, NEXUS_ANON_KEY, NEXUS_SERVICE_KEY, NEXUS_MAIL_URL } = process.env
const site = 'http://localhost:3000'

// Node 20 has no WebSocket, and the client wants one even where nothing uses it.
globalThis.WebSocket ??= class {}

const memory = () => {
  const items = new Map()
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  }
}

const connect = (options = {}, key = NEXUS_ANON_KEY) =>
  createClient(NEXUS_URL, key, {
    auth: { autoRefreshToken: false, detectSessionInUrl: false, storage: memory(), ...options },
  })

const service = connect({ persistSession: false }, NEXUS_SERVICE_KEY)
const address = () => `user-${randomUUID()}@example.com`
const password = 'correct horse'

// good returns the data of an answer without an error.
const good = async (answer) => {
  const { data, error } = await answer
  assert.equal(error, null, error && `${error.code}: ${error.message}`)
  return data
}

// refused returns the error of an answer that must have one.
const refused = async (answer, code) => {
  const { error } = await answer
  assert.ok(error, `want the error ${code}`)
  if (code) assert.equal(error.code, code, error.message)
  return error
}

const seen = new Map()

// mailTo returns the next mail to an address: its link and its code.
const mailTo = async (to) => {
  const after = seen.get(to) ?? 0
  const answer = await fetch(`${NEXUS_MAIL_URL}/?to=${encodeURIComponent(to)}&after=${after}`)
  assert.equal(answer.status, 200, `no mail to ${to}`)
  seen.set(to, after + 1)
  const mail = await answer.json()
  return { ...mail, link: /https?:\/\/\S+\/verify\?[^\s">]+/.exec(mail.text)?.[0], code: /\b\d{6}\b/.exec(mail.text)?.[0] }
}

// open follows a link to where it leads.
const open = async (link) => {
  const answer = await fetch(link, { redirect: 'manual' })
  assert.equal(answer.status, 303)
  const url = new URL(answer.headers.get('location'))
  return { url, fragment: new URLSearchParams(url.hash.slice(1)), query: url.searchParams }
}

const confirmed = async (email = address(), metadata = {}) => {
  const { user } = await good(service.auth.admin.createUser({ email, password, email_confirm: true, user_metadata: metadata }))
  return user
}

const signedIn = async (options) => {
  const user = await confirmed()
  const client = connect(options)
  await good(client.auth.signInWithPassword({ email: user.email, password }))
  return { client, user }
}

const totp = (secret, at = Date.now()) => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...secret].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30000)))
  const mac = createHmac('sha1', key).update(counter).digest()
  const offset = mac[19] & 15
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

test('sign up, confirm by link, read a table under a policy', async () => {
  const email = address()
  const client = connect()
  const { user, session } = await good(
    client.auth.signUp({ email, password, options: { data: { plan: 'pro' }, emailRedirectTo: `${site}/welcome` } }),
  )
  assert.equal(session, null)
  assert.equal(user.user_metadata.plan, 'pro')
  assert.equal(user.identities.length, 1)
  await refused(client.auth.signInWithPassword({ email, password }), 'email_not_confirmed')
  const { link } = await mailTo(email)
  const { url, fragment } = await open(link)
  assert.equal(url.origin + url.pathname, `${site}/welcome`)
  assert.equal(fragment.get('type'), 'signup')
  const { session: opened } = await good(
    client.auth.setSession({ access_token: fragment.get('access_token'), refresh_token: fragment.get('refresh_token') }),
  )
  assert.equal(opened.user.id, user.id)
  assert.ok(opened.user.email_confirmed_at)
  await good(client.from('auth_notes').insert({ body: 'mine' }))
  const other = await signedIn()
  assert.deepEqual(await good(other.client.from('auth_notes').select('body')), [])
  assert.deepEqual(await good(client.from('auth_notes').select('body,owner')), [{ body: 'mine', owner: user.id }])
  const again = await open(link)
  assert.equal(again.fragment.get('error_code'), 'otp_expired')
  assert.equal(again.fragment.get('error'), 'access_denied')
})

test('a taken address looks like a new one', async () => {
  const { email, id } = await confirmed()
  const { user, session } = await good(connect().auth.signUp({ email, password }))
  assert.equal(session, null)
  assert.notEqual(user.id, id)
  assert.deepEqual(user.identities, [])
})

test('weak and wrong passwords', async () => {
  const weak = await refused(connect().auth.signUp({ email: address(), password: 'abc' }), 'weak_password')
  assert.deepEqual(weak.reasons, ['length'])
  const { email } = await confirmed()
  const wrong = await refused(connect().auth.signInWithPassword({ email, password: 'wrong one' }), 'invalid_credentials')
  assert.equal(wrong.message, 'Invalid login credentials')
  const unknown = await refused(connect().auth.signInWithPassword({ email: address(), password }), 'invalid_credentials')
  assert.equal(unknown.message, wrong.message)
})

test('refresh, claims, log out', async () => {
  const { client, user } = await signedIn()
  const { session: first } = await good(client.auth.getSession())
  const { session: second } = await good(client.auth.refreshSession())
  assert.notEqual(second.refresh_token, first.refresh_token)
  const { claims } = await good(client.auth.getClaims())
  assert.equal(claims.sub, user.id)
  assert.equal(claims.role, 'authenticated')
  assert.equal(claims.aal, 'aal1')
  assert.equal(claims.amr[0].method, 'password')
  const device = connect()
  await good(device.auth.signInWithPassword({ email: user.email, password }))
  await good(client.auth.signOut({ scope: 'others' }))
  await refused(device.auth.refreshSession(), 'refresh_token_not_found')
  await good(client.auth.getUser())
  const { session } = await good(client.auth.getSession())
  await good(client.auth.signOut())
  await refused(connect().auth.getUser(session.access_token))
})

test('five refreshes at once get one token', async () => {
  const { client } = await signedIn()
  const { session } = await good(client.auth.getSession())
  const all = await Promise.all(
    Array.from({ length: 5 }, () => good(connect().auth.refreshSession({ refresh_token: session.refresh_token }))),
  )
  assert.equal(new Set(all.map((data) => data.session.refresh_token)).size, 1)
})

test('a link and a code that log in', async () => {
  const email = address()
  const client = connect()
  await good(client.auth.signInWithOtp({ email }))
  const first = await mailTo(email)
  const { session } = await good(client.auth.verifyOtp({ email, token: first.code, type: 'email' }))
  assert.equal(session.user.email, email)
  await refused(client.auth.verifyOtp({ email, token: first.code, type: 'email' }), 'otp_expired')
  const unknown = await refused(connect().auth.signInWithOtp({ email: address(), options: { shouldCreateUser: false } }), 'otp_disabled')
  assert.equal(unknown.message, 'Signups not allowed for otp')
  const user = await confirmed()
  const other = connect()
  await good(other.auth.signInWithOtp({ email: user.email }))
  const { link } = await mailTo(user.email)
  const hash = new URL(link).searchParams.get('token')
  const { session: byHash } = await good(other.auth.verifyOtp({ token_hash: hash, type: 'magiclink' }))
  assert.equal(byHash.user.id, user.id)
})

test('PKCE: sign-up, recovery', async () => {
  const email = address()
  const client = connect({ flowType: 'pkce' })
  await good(client.auth.signUp({ email, password }))
  const { query, fragment } = await open((await mailTo(email)).link)
  assert.equal(fragment.get('access_token'), null)
  const { session } = await good(client.auth.exchangeCodeForSession(query.get('code')))
  assert.equal(session.user.email, email)
  await refused(connect({ flowType: 'pkce' }).auth.exchangeCodeForSession(query.get('code')))
  const forgetful = connect({ flowType: 'pkce' })
  await good(forgetful.auth.resetPasswordForEmail(email, { redirectTo: `${site}/reset` }))
  const recovery = await open((await mailTo(email)).link)
  await good(forgetful.auth.exchangeCodeForSession(recovery.query.get('code')))
  await good(forgetful.auth.updateUser({ password: 'another horse' }))
  await refused(connect().auth.signInWithPassword({ email, password }), 'invalid_credentials')
  await good(connect().auth.signInWithPassword({ email, password: 'another horse' }))
})

test('recovery by code, unknown addresses, resend', async () => {
  const { email } = await confirmed()
  const client = connect()
  await good(client.auth.resetPasswordForEmail(email))
  const { code } = await mailTo(email)
  await good(client.auth.verifyOtp({ email, token: code, type: 'recovery' }))
  await refused(client.auth.updateUser({ password }), 'same_password')
  await good(client.auth.updateUser({ password: 'another horse' }))
  await good(connect().auth.resetPasswordForEmail(address()))
  await good(connect().auth.resend({ type: 'signup', email: address() }))
  const fresh = address()
  await good(connect().auth.signUp({ email: fresh, password }))
  await mailTo(fresh)
  await good(connect().auth.resend({ type: 'signup', email: fresh }))
  const { code: second } = await mailTo(fresh)
  await good(connect().auth.verifyOtp({ email: fresh, token: second, type: 'signup' }))
})

test('a change of address is confirmed at both', async () => {
  const { client, user } = await signedIn()
  const next = address()
  const { user: pending } = await good(client.auth.updateUser({ email: next, data: { color: 'blue' } }))
  assert.equal(pending.new_email, next)
  assert.equal(pending.user_metadata.color, 'blue')
  const first = await good(client.auth.verifyOtp({ email: user.email, token: (await mailTo(user.email)).code, type: 'email_change' }))
  assert.equal(first.session, null)
  const { fragment } = await open((await mailTo(next)).link)
  assert.ok(fragment.get('access_token'))
  const { user: changed } = await good(client.auth.getUser(fragment.get('access_token')))
  assert.equal(changed.email, next)
  assert.equal(changed.identities[0].identity_data.email, next)
})

test('reauthentication mails a code', async () => {
  const { client, user } = await signedIn()
  await good(client.auth.reauthenticate())
  assert.match((await mailTo(user.email)).code, /^\d{6}$/)
})

test('anonymous users become somebody', async () => {
  const client = connect()
  const { user } = await good(client.auth.signInAnonymously({ options: { data: { cart: 1 } } }))
  assert.equal(user.is_anonymous, true)
  await refused(client.auth.updateUser({ password }), 'validation_failed')
  const email = address()
  await good(client.auth.updateUser({ email }))
  await good(client.auth.verifyOtp({ email, token: (await mailTo(email)).code, type: 'email_change' }))
  const { user: somebody } = await good(client.auth.getUser())
  assert.equal(somebody.id, user.id)
  assert.equal(somebody.is_anonymous, false)
  await good(client.auth.updateUser({ password }))
  await good(connect().auth.signInWithPassword({ email, password }))
})

test('metadata: merge and remove; app_metadata is not for users', async () => {
  const { client } = await signedIn()
  await good(client.auth.updateUser({ data: { a: 1, b: { c: 2 } } }))
  const { user } = await good(client.auth.updateUser({ data: { a: null, d: 3 } }))
  assert.deepEqual([user.user_metadata.a, user.user_metadata.b, user.user_metadata.d], [undefined, { c: 2 }, 3])
  await refused(client.auth.updateUser({ app_metadata: { role: 'king' } }), 'not_admin')
})

test('a second factor', async () => {
  const { client, user } = await signedIn()
  const factor = await good(client.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'phone' }))
  assert.match(factor.totp.qr_code, /^data:image\/svg\+xml;utf-8,<svg/)
  assert.match(factor.totp.uri, /^otpauth:\/\/totp\//)
  const challenge = await good(client.auth.mfa.challenge({ factorId: factor.id }))
  await refused(client.auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code: '000000' }), 'mfa_verification_failed')
  const code = totp(factor.totp.secret)
  await good(client.auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code }))
  const level = await good(client.auth.mfa.getAuthenticatorAssuranceLevel())
  assert.equal(level.currentLevel, 'aal2')
  await refused(client.auth.mfa.challengeAndVerify({ factorId: factor.id, code }), 'mfa_verification_failed')
  const weak = connect()
  await good(weak.auth.signInWithPassword({ email: user.email, password }))
  assert.deepEqual(
    await good(weak.auth.mfa.getAuthenticatorAssuranceLevel()).then(({ currentLevel, nextLevel }) => [currentLevel, nextLevel]),
    ['aal1', 'aal2'],
  )
  await refused(weak.auth.updateUser({ password: 'another horse' }), 'insufficient_aal')
  await refused(weak.auth.mfa.unenroll({ factorId: factor.id }), 'insufficient_aal')
  const listed = await good(client.auth.mfa.listFactors())
  assert.equal(listed.totp[0].id, factor.id)
  const { factors } = await good(service.auth.admin.mfa.listFactors({ userId: user.id }))
  assert.equal(factors.length, 1)
  await good(client.auth.mfa.unenroll({ factorId: factor.id }))
  await good(service.auth.admin.deleteUser(user.id))
})

test('admins manage users', async () => {
  const email = address()
  const { user } = await good(
    service.auth.admin.createUser({ email, password, email_confirm: true, user_metadata: { a: 1 }, app_metadata: { tier: 2 } }),
  )
  assert.equal(user.app_metadata.tier, 2)
  assert.equal(user.app_metadata.provider, 'email')
  await refused(service.auth.admin.createUser({ email, password }), 'email_exists')
  const page = await good(service.auth.admin.listUsers({ page: 1, perPage: 1 }))
  assert.equal(page.users.length, 1)
  assert.ok(page.total > 1)
  assert.equal(page.nextPage, 2)
  const { user: read } = await good(service.auth.admin.getUserById(user.id))
  assert.equal(read.email, email)
  await good(service.auth.admin.updateUserById(user.id, { ban_duration: '24h' }))
  await refused(connect().auth.signInWithPassword({ email, password }), 'user_banned')
  await good(service.auth.admin.updateUserById(user.id, { ban_duration: 'none', password: 'another horse' }))
  const client = connect()
  await good(client.auth.signInWithPassword({ email, password: 'another horse' }))
  await refused(client.auth.admin.listUsers(), 'not_admin')
  await good(service.auth.admin.deleteUser(user.id, true))
  await refused(client.auth.getUser())
  await good(service.auth.admin.createUser({ email, password }))
  await refused(service.auth.admin.getUserById(randomUUID()), 'user_not_found')
})

test('invitations and generated links', async () => {
  const email = address()
  const { user } = await good(service.auth.admin.inviteUserByEmail(email, { data: { team: 'x' }, redirectTo: `${site}/join` }))
  assert.ok(user.invited_at)
  const { url, fragment } = await open((await mailTo(email)).link)
  assert.equal(url.pathname, '/join')
  assert.equal(fragment.get('type'), 'invite')
  await refused(service.auth.admin.inviteUserByEmail(email), 'email_exists')
  for (const type of ['magiclink', 'recovery']) {
    const { properties } = await good(service.auth.admin.generateLink({ type, email }))
    assert.equal(properties.verification_type, type)
    const { session } = await good(connect().auth.verifyOtp({ token_hash: properties.hashed_token, type }))
    assert.equal(session.user.id, user.id)
  }
  const fresh = address()
  const { properties } = await good(service.auth.admin.generateLink({ type: 'signup', email: fresh, password }))
  const opened = await open(properties.action_link)
  assert.ok(opened.fragment.get('access_token'))
  const { session } = await good(connect().auth.signInWithPassword({ email: fresh, password }))
  assert.equal(session.user.email, fresh)
})

test('links lead only where they may', async () => {
  const { email } = await confirmed()
  await good(connect().auth.resetPasswordForEmail(email, { redirectTo: 'https://evil.example/steal' }))
  const { url } = await open((await mailTo(email)).link)
  assert.equal(url.origin, site)
})

test('a token that is used again ends its session', async () => {
  const { client } = await signedIn()
  const { session: first } = await good(client.auth.getSession())
  await good(client.auth.refreshSession())
  await good(client.auth.refreshSession())
  await good(client.auth.refreshSession())
  await refused(connect().auth.refreshSession({ refresh_token: first.refresh_token }), 'refresh_token_already_used')
  await refused(client.auth.refreshSession(), 'refresh_token_not_found')
})
