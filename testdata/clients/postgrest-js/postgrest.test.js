// Drives a running server that serves testdata/fixture.sql. The Go test in engine/rest starts that server and sets:
//   NEXUS_REST_URL   the base URL of rest/v1
//   NEXUS_TOKEN_ORG1 a token of a member of organization 1
//   NEXUS_TOKEN_ORG2 a token of a member of organization 2
//   NEXUS_TOKEN_SERVICE a token of the service role
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PostgrestClient } from '@supabase/postgrest-js'

const url = process.env.NEXUS_REST_URL
const client = (token, schema = 'shop') =>
  new PostgrestClient(url, { schema, headers: token ? { Authorization: `Bearer ${token}` } : {} })
const anon = client()
const org1 = client(process.env.NEXUS_TOKEN_ORG1)
const org2 = client(process.env.NEXUS_TOKEN_ORG2)
const service = client(process.env.NEXUS_TOKEN_SERVICE)

const rows = async (query) => {
  const { data, error } = await query
  assert.equal(error, null)
  return data
}
const ids = async (query) => (await rows(query)).map((r) => r.id)

test('row level security decides what each token sees', async () => {
  assert.deepEqual(await ids(org1.from('customers').select('id').order('id')), [1, 2, 5])
  assert.deepEqual(await ids(org2.from('customers').select('id').order('id')), [3, 4])
  assert.deepEqual(await ids(anon.from('customers').select('id').order('id')), [1, 3, 5])
  assert.equal((await rows(service.from('customers').select('id'))).length, 5)
})

test("a row for another tenant is refused with 403 and PostgreSQL's code", async () => {
  const { error, status } = await org1.from('customers').insert({ id: 900, organization_id: 2, first_name: 'X' })
  assert.equal(status, 403)
  assert.equal(error.code, '42501')
})

test('select with alias, cast, JSON path and computed field', async () => {
  const data = await rows(
    org1.from('customers').select('given:first_name, score::text, lang:profile->>lang, full_name').eq('id', 1).single(),
  )
  assert.deepEqual(data, { given: 'Amina', score: '90', lang: 'ar', full_name: 'Amina Hassan' })
})

test('embedding: to-one, to-many, through a junction, inner, with a hint, spread', async () => {
  const order = await rows(
    service.from('orders')
      .select('id, customers(first_name), order_items(line, products(name)), ship:addresses!orders_shipping_address_id_fkey(city)')
      .eq('id', 100).order('line', { referencedTable: 'order_items' }).single(),
  )
  assert.equal(order.customers.first_name, 'Amina')
  assert.deepEqual(order.order_items.map((i) => i.products.name), ['Red running shoes', 'Blue running socks'])
  assert.equal(order.ship.city, 'Giza')
  const labelled = await rows(service.from('products').select('sku, labels!inner(name)').eq('labels.name', 'sale').order('sku'))
  assert.deepEqual(labelled.map((p) => p.sku), ['A-1', 'A-2'])
  const spread = await rows(service.from('shipments').select('carrier, ...orders(status)').order('order_id'))
  assert.deepEqual(spread, [{ carrier: 'bosta', status: 'confirmed' }, { carrier: 'dhl', status: 'shipped' }])
})

test('every comparison filter of the builder', async () => {
  const c = () => service.from('customers').select('id').order('id')
  assert.deepEqual(await ids(c().eq('id', 3)), [3])
  assert.deepEqual(await ids(c().neq('id', 3)), [1, 2, 4, 5])
  assert.deepEqual(await ids(c().gt('score', 55)), [1, 5])
  assert.deepEqual(await ids(c().gte('score', 55)), [1, 3, 5])
  assert.deepEqual(await ids(c().lt('score', 10)), [4])
  assert.deepEqual(await ids(c().lte('score', 10)), [2, 4])
  assert.deepEqual(await ids(c().like('first_name', 'A%')), [1])
  assert.deepEqual(await ids(c().likeAllOf('first_name', ['A%', '%a'])), [1])
  assert.deepEqual(await ids(c().likeAnyOf('first_name', ['A%', 'B%'])), [1, 2])
  assert.deepEqual(await ids(c().ilike('first_name', 'b_B')), [2])
  assert.deepEqual(await ids(c().ilikeAllOf('first_name', ['a%', '%A'])), [1])
  assert.deepEqual(await ids(c().ilikeAnyOf('first_name', ['a%', 'b%'])), [1, 2])
  assert.deepEqual(await ids(c().is('last_name', null)), [2])
  assert.deepEqual(await ids(c().in('id', [1, 4])), [1, 4])
  assert.deepEqual(await ids(c().contains('tags', ['vip'])), [1, 3])
  assert.deepEqual(await ids(c().containedBy('tags', ['vip', 'cairo'])), [1, 2, 3])
  assert.deepEqual(await ids(c().overlaps('tags', ['x', 'new'])), [4, 5])
  assert.deepEqual(await ids(c().contains('profile', { lang: 'en' })), [2, 4])
  assert.deepEqual(await ids(c().match({ organization_id: 1, score: 10 })), [2])
  assert.deepEqual(await ids(c().not('id', 'in', '(1,2,3)')), [4, 5])
  assert.deepEqual(await ids(c().or('id.eq.1,and(score.gte.50,organization_id.eq.2)')), [1, 3])
  assert.deepEqual(await ids(c().filter('first_name', 'match', '^[AB]')), [1, 2])
})

test('range filters and full-text search', async () => {
  const p = () => service.from('products').select('sku').order('sku')
  const skus = async (q) => (await rows(q)).map((r) => r.sku)
  assert.deepEqual(await skus(p().rangeGt('available', '[2020-01-01,2021-01-01)')), ['A-1'])
  assert.deepEqual(await skus(p().rangeLt('available', '[2026-01-01,2027-01-01)')), ['B-1'])
  assert.deepEqual(await skus(p().rangeGte('available', '[2026-01-01,2027-01-01)')), ['A-1'])
  assert.deepEqual(await skus(p().rangeLte('available', '[2020-01-01,2021-01-01)')), ['B-1'])
  assert.deepEqual(await skus(p().rangeAdjacent('available', '[2021-01-01,2026-01-01)')), ['A-1', 'B-1'])
  assert.deepEqual(await skus(p().textSearch('search', 'running & shoes')), ['A-1'])
  assert.deepEqual(await skus(p().textSearch('search', 'running socks', { type: 'plain' })), ['A-2'])
  assert.deepEqual(await skus(p().textSearch('search', 'leather bag', { type: 'phrase' })), ['B-1'])
  assert.deepEqual(await skus(p().textSearch('search', 'running -socks', { type: 'websearch', config: 'english' })), ['A-1'])
})

test('order, limit, range and counts', async () => {
  const { data, count, status } = await service.from('customers')
    .select('id', { count: 'exact' }).order('last_name', { ascending: false, nullsFirst: true }).order('id').range(0, 1)
  assert.equal(status, 206)
  assert.equal(count, 5)
  assert.equal(data[0].id, 2)
  assert.deepEqual(await ids(service.from('customers').select('id').order('id').limit(2)), [1, 2])
  const head = await service.from('customers').select('*', { count: 'exact', head: true })
  assert.equal(head.count, 5)
  assert.equal(head.data, null)
})

test('single, maybeSingle, csv, explain refused, abort', async () => {
  const many = await service.from('customers').select().single()
  assert.equal(many.status, 406)
  assert.equal(many.error.code, 'PGRST116')
  assert.equal(await rows(service.from('customers').select().eq('id', 999).maybeSingle()), null)
  const csv = await rows(service.from('labels').select('id,name').order('id').csv())
  assert.equal(csv, 'id,name\n1,new\n2,sale\n3,unused')
  const plan = await service.from('labels').select().explain()
  assert.equal(plan.status, 406)
  const aborted = await service.from('labels').select().abortSignal(AbortSignal.abort())
  assert.notEqual(aborted.error, null)
})

test('insert, upsert, update and delete with and without representation', async () => {
  const labels = () => service.from('labels')
  const created = await labels().insert([{ id: 50, name: 'a' }, { id: 51, name: 'b' }]).select('id')
  assert.equal(created.status, 201)
  assert.deepEqual(created.data, [{ id: 50 }, { id: 51 }])
  const minimal = await labels().insert({ id: 52, name: 'c' })
  assert.equal(minimal.status, 201)
  assert.equal(minimal.data, null)
  assert.deepEqual(await rows(labels().upsert({ id: 50, name: 'aa' }).select().single()), { id: 50, name: 'aa' })
  assert.deepEqual(await rows(labels().upsert({ id: 50, name: 'zz' }, { ignoreDuplicates: true }).select()), [])
  const conflict = await labels().insert({ id: 50, name: 'again' })
  assert.equal(conflict.status, 409)
  assert.equal(conflict.error.code, '23505')
  assert.deepEqual(await rows(labels().update({ name: 'bb' }).eq('id', 51).select('name').single()), { name: 'bb' })
  assert.equal((await labels().update({ name: 'cc' }).eq('id', 52)).status, 204)
  const gone = await labels().delete({ count: 'exact' }).in('id', [50, 51, 52])
  assert.equal(gone.status, 204)
  assert.equal(gone.count, 3)
})

test('missing columns become their defaults on request', async () => {
  const events = await rows(
    service.from('events').insert([{ kind: 'x' }], { defaultToNull: false }).select('at'),
  )
  assert.equal(events[0].at, '2026-02-02T02:02:02+00:00')
})

test('calling functions by POST, GET and HEAD', async () => {
  assert.equal(await rows(service.rpc('add', { a: 1, b: 2 })), 3)
  assert.equal(await rows(service.rpc('add', { a: 1 }, { get: true })), 2)
  assert.equal((await service.rpc('add', { a: 1 }, { head: true })).data, null)
  assert.deepEqual(await rows(service.rpc('pairs', { n: 3 }).select('sq').gt('i', 1)), [{ sq: 4 }, { sq: 9 }])
  assert.deepEqual(await rows(service.rpc('cheap', { max: 10 }).select('sku, product_labels(label_id)').eq('sku', 'A-2')), [
    { sku: 'A-2', product_labels: [{ label_id: 2 }] },
  ])
  const missing = await service.rpc('no_such_function')
  assert.equal(missing.status, 404)
  assert.equal(missing.error.code, 'PGRST202')
})

test('another schema by profile, names that need quoting', async () => {
  const odd = service.schema('odd')
  assert.deepEqual(await rows(odd.from('Weird Table').select('"has space","dot.ted"').eq('"com,ma"', 'c,2').single()), {
    'has space': 's 2', 'dot.ted': 'd.2',
  })
  const none = await service.schema('nowhere').from('labels').select()
  assert.equal(none.status, 406)
  assert.equal(none.error.code, 'PGRST106')
})

test('throwOnError rejects with the typed error', async () => {
  await assert.rejects(async () => await service.from('nope').select().throwOnError(), (e) => e.code === 'PGRST205')
})
