// Every way to call a function, with the unmodified client. The server, its functions and its keys come by the environment.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import {
  FunctionsClient, FunctionsFetchError, FunctionsHttpError, FunctionsRelayError,
} from '@supabase/functions-js'
import puppeteer from 'puppeteer-core'
import WebSocket from 'ws'

const { NEXUS_URL, NEXUS_ANON_KEY, NEXUS_TOKEN, CHROMIUM } = process.env
const url = `${NEXUS_URL}/functions/v1`
const client = new FunctionsClient(url, {
  headers: { apikey: NEXUS_ANON_KEY, Authorization: `Bearer ${NEXUS_ANON_KEY}` },
})

async function ok(name, options) {
  const { data, error, response } = await client.invoke(name, options)
  assert.equal(error, null, error && `${error.message}: ${await error.context?.text?.()}`)
  return { data, response }
}

test('bodies of every kind reach a function in TypeScript', async () => {
  const cases = [
    [{ a: 1 }, 'application/json', '{"a":1}'],
    ['a text', 'text/plain', 'a text'],
    [new Blob(['blob']), 'application/octet-stream', 'blob'],
    [new TextEncoder().encode('buffer').buffer, 'application/octet-stream', 'buffer'],
    [undefined, '', ''],
  ]
  for (const [body, type, want] of cases) {
    const { data } = await ok('echo', { body })
    assert.equal(data.method, 'POST')
    assert.ok(data.type.startsWith(type), `${data.type} is not ${type}`)
    assert.equal(data.body, want)
  }
  const form = new FormData()
  form.append('field', 'value')
  form.append('file', new Blob(['content']), 'name.txt')
  assert.deepEqual((await ok('echo', { body: form })).data.body, { field: 'value', file: 'name.txt' })
})

test('methods, paths, queries and headers are as sent', async () => {
  for (const method of ['POST', 'GET', 'PUT', 'PATCH', 'DELETE']) {
    const { data } = await ok('echo/sub/path?x=1', { method })
    assert.deepEqual([data.method, data.path, data.query], [method, '/echo/sub/path', '?x=1'])
  }
  assert.equal((await ok('echo', { region: 'us-east-1' })).data.query, '?forceFunctionRegion=us-east-1')
})

test('answers of every kind', async () => {
  assert.equal(await (await ok('echo?as=bytes', { body: 'bytes' })).data.text(), 'bytes')
  assert.equal((await ok('echo?as=text', { body: 'text' })).data, 'text')
  const form = new FormData()
  form.append('field', 'value')
  assert.equal((await ok('echo?as=form', { body: form })).data.get('field'), 'value')
})

test('events arrive as they are sent', async () => {
  const { data } = await ok('stream', { method: 'GET' })
  const reader = data.body.getReader()
  const decoder = new TextDecoder()
  const first = decoder.decode((await reader.read()).value)
  const began = performance.now()
  assert.equal(first, 'data: first\n\n')
  assert.equal(decoder.decode((await reader.read()).value), 'data: second\n\n')
  assert.ok(performance.now() - began > 300, 'both events came at once')
})

test('errors by class', async () => {
  const http = await client.invoke('fails?how=status')
  assert.ok(http.error instanceof FunctionsHttpError)
  assert.equal(http.error.context.status, 418)
  assert.deepEqual(await http.error.context.json(), { reason: 'teapot' })

  const thrown = await client.invoke('fails')
  assert.ok(thrown.error instanceof FunctionsHttpError)
  assert.equal((await thrown.error.context.json()).code, 'WORKER_ERROR')

  const gone = await client.invoke('fails?how=exit')
  assert.ok(gone.error instanceof FunctionsRelayError)

  const missing = await client.invoke('no-such-function')
  assert.ok(missing.error instanceof FunctionsHttpError)
  assert.equal(missing.error.context.status, 404)

  const nowhere = new FunctionsClient('http://127.0.0.1:1/functions/v1')
  assert.ok((await nowhere.invoke('echo')).error instanceof FunctionsFetchError)
})

test('tokens are checked', async () => {
  const stranger = new FunctionsClient(url)
  const none = await stranger.invoke('echo')
  assert.equal(none.error.context.status, 401)
  assert.equal(none.error.context.headers.get('sb-error-code'), 'UNAUTHORIZED_NO_AUTH_HEADER')
  assert.equal(none.error.context.headers.get('access-control-allow-origin'), '*')
  stranger.setAuth('x.y.z')
  assert.equal((await stranger.invoke('echo')).error.context.status, 401)
  assert.equal((await new FunctionsClient(url).invoke('open', { method: 'GET' })).data, 'open')
})

test('functions in SQL', async () => {
  assert.equal((await ok('add', { body: { a: 1, b: 2 } })).data, 3)
  assert.equal((await ok('add?a=1&b=2', { method: 'GET' })).data, 3)
  const wrong = await client.invoke('add', { body: { a: 'x', b: 2 } })
  assert.ok(wrong.error instanceof FunctionsHttpError)
  assert.equal((await wrong.error.context.json()).error, 'validation_failed')
})

test('functions in Go', async () => {
  const person = new FunctionsClient(url, { headers: { Authorization: `Bearer ${NEXUS_TOKEN}` } })
  const made = await person.invoke('organization-create', { body: { name: 'Corner Shop' } })
  assert.equal(made.error, null)
  assert.equal(made.data.name, 'Corner Shop')
  const list = await person.invoke('organizations?per_page=1', { method: 'GET' })
  assert.deepEqual(list.data.pagination, { page: 1, per_page: 1, total: 1, total_pages: 1 })
  const wrong = await person.invoke('organization-create', { body: { title: 'x' } })
  assert.equal((await wrong.error.context.json()).error, 'validation_failed')
  assert.equal((await client.invoke('organization-create', { body: { name: 'x' } })).error.context.status, 401)
})

test('WebSocket', async () => {
  const socket = new WebSocket(url.replace('http', 'ws') + '/socket')
  const answer = await new Promise((done, failed) => {
    socket.on('open', () => socket.send('hello'))
    socket.on('message', (data) => done(data.toString()))
    socket.on('error', failed)
  })
  socket.close()
  assert.equal(answer, 'echo hello')
})

test('a page in a browser', { skip: !CHROMIUM && 'no Chromium' }, async () => {
  const browser = await puppeteer.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  try {
    const page = await browser.newPage()
    await page.goto(`${NEXUS_URL}/health`) // an origin; the calls below go to another one
    const other = url.replace('127.0.0.1', 'localhost')
    const results = await page.evaluate(async (other, key) => {
      const call = async (name, options = {}) => {
        try {
          const response = await fetch(`${other}/${name}`, {
            method: 'POST', body: '{"a":1,"b":2}', ...options,
            headers: { authorization: `Bearer ${key}`, apikey: key, 'content-type': 'application/json', 'x-client-info': 'test', ...options.headers },
          })
          return [response.status, await response.text(), response.headers.get('sb-error-code')]
        } catch (error) {
          return [0, String(error), null]
        }
      }
      const socket = new WebSocket(other.replace('http', 'ws') + '/socket')
      const message = await new Promise((done) => {
        socket.onopen = () => socket.send('page')
        socket.onmessage = (event) => done(event.data)
        socket.onerror = () => done('failed')
      })
      return {
        sql: await call('add'), missing: await call('nothing'), refused: await call('organization-create'),
        anyHeader: await call('add', { headers: { 'x-any': 'header' } }),
        ownCors: await call('open'), message,
      }
    }, other, NEXUS_ANON_KEY)
    assert.deepEqual(results.sql.slice(0, 2), [200, '3'])
    assert.deepEqual(results.anyHeader.slice(0, 2), [200, '3'])
    assert.equal(results.missing[0], 404)
    assert.equal(results.refused[0], 401)
    assert.equal(results.ownCors[0], 0, 'a function says itself which origins may read it')
    assert.equal(results.message, 'echo page')
  } finally {
    await browser.close()
  }
})
