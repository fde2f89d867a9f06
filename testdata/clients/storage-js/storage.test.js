// Every call of storage-js, unmodified. The server and its keys come by the environment.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { StorageClient } from '@supabase/storage-js'

const { NEXUS_URL, NEXUS_ANON_KEY, NEXUS_SERVICE_KEY, NEXUS_ANN, NEXUS_BOB } = process.env
const url = `${NEXUS_URL}/storage/v1`
const as = (token) => new StorageClient(url, { apikey: NEXUS_ANON_KEY, Authorization: `Bearer ${token}` })
const service = as(NEXUS_SERVICE_KEY)
const anon = as(NEXUS_ANON_KEY)
const ann = as(NEXUS_ANN)
const bob = as(NEXUS_BOB)
const annID = JSON.parse(atob(NEXUS_ANN.split('.')[1])).sub

async function ok(promise) {
  const { data, error } = await promise
  assert.equal(error, null, error && `${error.name} ${error.status} ${error.statusCode}: ${error.message}`)
  return data
}

async function fails(promise, statusCode, message) {
  const { data, error } = await promise
  assert.equal(data, null)
  assert.equal(error.statusCode, statusCode, `${error.statusCode} ${error.message}`)
  if (message) assert.match(error.message, message)
}

let buckets = 0
async function bucket(options = { public: false }) {
  const id = `b${process.pid}-${buckets++}`
  assert.deepEqual(await ok(service.createBucket(id, options)), { name: id })
  return id
}

test('buckets', async () => {
  const id = await bucket({ public: true, fileSizeLimit: '1KB', allowedMimeTypes: ['image/*'] })
  const got = await ok(service.getBucket(id))
  assert.equal(got.public, true)
  assert.equal(got.file_size_limit, 1000)
  assert.deepEqual(got.allowed_mime_types, ['image/*'])
  assert.equal(got.owner, '')
  assert.ok((await ok(service.listBuckets())).some((b) => b.id === id && b.type === 'STANDARD'))
  assert.deepEqual(await ok(service.listBuckets({ search: id.toUpperCase(), limit: 1, sortColumn: 'name', sortOrder: 'desc' })).then((l) => l.map((b) => b.id)), [id])
  assert.deepEqual(await ok(anon.listBuckets()), [])
  await fails(service.createBucket(id, { public: false }), '409', /already exists/)
  await fails(service.createBucket('a/b', { public: false }), '400')
  await fails(ann.createBucket('anns', { public: false }), '403', /row-level security/)
  await fails(anon.getBucket(id), '404', /Bucket not found/)
  assert.deepEqual(await ok(service.updateBucket(id, { public: false, fileSizeLimit: null })), { message: 'Successfully updated' })
  const changed = await ok(service.getBucket(id))
  assert.deepEqual([changed.public, changed.file_size_limit, changed.allowed_mime_types], [false, null, ['image/*']])
  await ok(service.from(id).upload('x.png', Buffer.from('x'), { contentType: 'image/png' }))
  await fails(service.deleteBucket(id), '409', /not empty/)
  await fails(ann.emptyBucket(id), '403')
  await ok(service.emptyBucket(id))
  assert.deepEqual(await ok(service.deleteBucket(id)), { message: 'Successfully deleted' })
  await fails(service.getBucket(id), '404')
})

test('bodies of every kind', async () => {
  const from = service.from(await bucket())
  const stream = () => new Response('stream').body
  const form = new FormData()
  form.append('', new Blob(['form'], { type: 'text/x-form' }), 'f')
  const cases = [
    ['text', 'text', 'text/plain;charset=UTF-8', 'max-age=3600'],
    ['bytes', new TextEncoder().encode('bytes'), 'text/plain;charset=UTF-8', 'max-age=3600'],
    ['buffer', new TextEncoder().encode('buffer').buffer, 'text/plain;charset=UTF-8', 'max-age=3600'],
    ['blob', new Blob(['blob'], { type: 'image/x-blob' }), 'image/x-blob', 'max-age=3600'],
    ['file', new File(['file'], 'file.txt', { type: 'text/x-file' }), 'text/x-file', 'max-age=3600'],
    ['form', form, 'text/x-form', 'max-age=3600'],
    ['stream', stream(), 'text/plain;charset=UTF-8', 'max-age=3600'],
    ['params', new URLSearchParams({ a: '1' }), 'text/plain;charset=UTF-8', 'max-age=3600'],
  ]
  for (const [name, body, type, cache] of cases) {
    const stored = await ok(from.upload(`dir/${name}`, body, { duplex: 'half' }))
    assert.equal(stored.path, `dir/${name}`)
    assert.ok(stored.id)
    const text = await (await ok(from.download(`dir/${name}`))).text()
    assert.equal(text, name === 'params' ? 'a=1' : name)
    const info = await ok(from.info(`dir/${name}`))
    assert.equal(info.contentType.toLowerCase().replace('; ', ';'), type.toLowerCase())
    assert.equal(info.cacheControl, cache)
    assert.equal(info.size, text.length)
  }
})

test('upload, update and upsert', async () => {
  const id = await bucket()
  const from = service.from(id)
  const first = await ok(from.upload('a.json', Buffer.from('{}'), {
    contentType: 'application/json', cacheControl: '60', metadata: { by: 'test' },
  }))
  assert.equal(first.fullPath, `${id}/a.json`)
  await fails(from.upload('a.json', Buffer.from('{}')), '409', /already exists/)
  const before = await ok(from.info('a.json'))
  assert.deepEqual(before.metadata, { by: 'test' })
  const second = await ok(from.upload('a.json', Buffer.from('[1]'), { upsert: true, contentType: 'application/json' }))
  assert.equal(second.id, first.id)
  const after = await ok(from.info('a.json'))
  assert.notEqual(after.version, before.version)
  assert.equal(await (await ok(from.download('a.json'))).text(), '[1]')
  await ok(from.update('a.json', new Blob(['[2]'], { type: 'application/json' }), { metadata: { n: 2 } }))
  assert.deepEqual((await ok(from.info('a.json'))).metadata, { n: 2 })
  await ok(from.update('new.txt', 'new'))
  await fails(service.from('missing').upload('x', 'x'), '404', /Bucket not found/)
  await fails(from.upload('ümlaut.txt', 'x'), '400', /Invalid key/)
  assert.deepEqual(await ok(from.exists('a.json')), true)
  assert.equal((await from.exists('none')).data, false)
  assert.equal((await from.download('none')).data, null)
  const none = await fetch(`${url}/object/${id}/none`, { headers: { apikey: NEXUS_SERVICE_KEY } })
  assert.deepEqual([none.status, await none.json()], [400, {
    statusCode: '404', error: 'not_found', message: 'Object not found', code: 'NoSuchKey',
  }])
})

test('limits of buckets', async () => {
  const small = service.from(await bucket({ public: false, fileSizeLimit: 10 }))
  await fails(small.upload('raw', Buffer.alloc(11)), '413')
  await fails(small.upload('form', new Blob([Buffer.alloc(11)])), '413')
  await fails(small.upload('stream', new Blob([Buffer.alloc(11)]).stream(), { duplex: 'half' }), '413')
  await ok(small.upload('fits', new Blob([Buffer.alloc(10)])))
  const images = service.from(await bucket({ public: false, allowedMimeTypes: ['image/png', 'text/csv'] }))
  await fails(images.upload('x', 'x', { contentType: 'application/json' }), '415', /application\/json/)
  await fails(images.upload('x', '<!doctype html><script>', { contentType: 'image/png' }), '415', /text\/html/)
  await ok(images.upload('x', 'x', { contentType: 'text/csv' }))
})

test('listing', async () => {
  const id = await bucket()
  const from = service.from(id)
  for (const key of ['a/1.txt', 'a/2.txt', 'a/b/3.txt', 'c.txt', 'A.txt']) await ok(from.upload(key, key))
  const root = await ok(from.list())
  assert.deepEqual(root.map((e) => e.name), ['A.txt', 'a', 'c.txt'])
  assert.equal(root[1].id, null)
  assert.equal(root[2].metadata.size, 5)
  assert.deepEqual((await ok(from.list('a'))).map((e) => e.name), ['1.txt', '2.txt', 'b'])
  assert.deepEqual((await ok(from.list('a', { limit: 1, offset: 1 }))).map((e) => e.name), ['2.txt'])
  assert.deepEqual((await ok(from.list('', { search: 'a' }))).map((e) => e.name), ['A.txt', 'a'])
  assert.deepEqual((await ok(from.list('a', { sortBy: { column: 'name', order: 'desc' } }))).map((e) => e.name), ['b', '2.txt', '1.txt'])
  assert.deepEqual((await ok(from.list('a', { sortBy: { column: 'created_at', order: 'desc' } }))).map((e) => e.name), ['2.txt', '1.txt', 'b'])
  assert.deepEqual(await ok(from.list('none')), [])
  assert.deepEqual(await ok(service.from('missing').list()), [])
  const names = async (options) => {
    const all = []
    let cursor
    do {
      const page = await ok(from.listV2({ ...options, cursor }))
      all.push(...page.folders.map((e) => e.name), ...page.objects.map((e) => e.name))
      cursor = page.nextCursor
      assert.equal(page.hasNext, cursor !== undefined)
    } while (cursor)
    return all
  }
  assert.deepEqual(await names({ limit: 2 }), ['A.txt', 'a/1.txt', 'a/2.txt', 'a/b/3.txt', 'c.txt'])
  assert.deepEqual(await names({ limit: 1, with_delimiter: true }), ['A.txt', 'a/', 'c.txt'])
  assert.deepEqual(await names({ prefix: 'a/', limit: 1, with_delimiter: true }), ['a/1.txt', 'a/2.txt', 'a/b/'])
  for (const column of ['name', 'created_at', 'updated_at']) {
    assert.deepEqual(await names({ limit: 2, sortBy: { column, order: 'desc' } }),
      column === 'name' ? ['c.txt', 'a/b/3.txt', 'a/2.txt', 'a/1.txt', 'A.txt'] : ['A.txt', 'c.txt', 'a/b/3.txt', 'a/2.txt', 'a/1.txt'])
  }
})

test('move, copy and remove', async () => {
  const id = await bucket()
  const other = await bucket({ public: false, allowedMimeTypes: ['image/*'] })
  const from = service.from(id)
  await ok(from.upload('a', 'a', { metadata: { k: 'v' } }))
  assert.deepEqual(await ok(from.move('a', 'dir/b')), { message: 'Successfully moved' })
  assert.equal(await (await ok(from.download('dir/b'))).text(), 'a')
  assert.equal((await from.exists('a')).data, false)
  await fails(from.move('none', 'x'), '404')
  assert.equal((await ok(from.copy('dir/b', 'c'))).path, `${id}/c`)
  assert.deepEqual((await ok(from.info('c'))).metadata, { k: 'v' })
  await fails(from.copy('dir/b', 'c'), '409')
  await fails(from.move('dir/b', 'c'), '409')
  await fails(from.copy('c', 'c', { destinationBucket: other }), '415')
  await ok(from.update('c', 'changed'))
  assert.equal(await (await ok(from.download('dir/b'))).text(), 'a')
  assert.deepEqual((await ok(from.remove(['c', 'none', 'dir/b']))).map((o) => o.name).sort(), ['c', 'dir/b'])
  assert.deepEqual(await ok(from.list()), [])
})

test('signed URLs', async () => {
  const id = await bucket()
  const from = service.from(id)
  await ok(from.upload('dir/a b.html', '<script>alert(1)</script>', { contentType: 'text/html' }))
  const { signedUrl } = await ok(from.createSignedUrl('dir/a b.html', 60, { download: 'named.html' }))
  const got = await fetch(signedUrl)
  assert.equal(got.status, 200)
  assert.equal(got.headers.get('content-type'), 'text/plain')
  assert.equal(got.headers.get('x-content-type-options'), 'nosniff')
  assert.equal(got.headers.get('cache-control'), null)
  assert.ok(Date.parse(got.headers.get('expires')) > Date.now())
  assert.match(got.headers.get('content-disposition'), /^attachment; filename=named.html; filename\*=UTF-8''named.html$/)
  const other = await fetch(signedUrl.replace('a%20b.html', 'c.html').replace('a b.html', 'c.html'))
  assert.equal((await other.json()).error, 'InvalidSignature')
  const forged = await fetch(signedUrl.replace(/token=([^&]*)/, (_, t) => `token=${t.slice(0, -3)}AAA`))
  assert.equal((await forged.json()).error, 'InvalidJWT')
  const short = await ok(from.createSignedUrl('dir/a b.html', 1))
  await new Promise((done) => setTimeout(done, 2100))
  assert.match((await (await fetch(short.signedUrl)).json()).message, /"exp" claim timestamp check failed/)
  const many = await ok(from.createSignedUrls(['dir/a b.html', 'none'], 60))
  assert.equal((await fetch(many[0].signedUrl)).status, 200)
  assert.equal(many[1].signedURL ?? many[1].signedUrl, null)
  assert.match(many[1].error, /does not exist/)
  await fails(anon.from(id).createSignedUrl('dir/a b.html', 60), '404')
  const upload = await ok(from.createSignedUploadUrl('up/x.txt'))
  await ok(anon.from(id).uploadToSignedUrl(upload.path, upload.token, new Blob(['signed']), { contentType: 'text/plain' }))
  assert.equal(await (await ok(from.download('up/x.txt'))).text(), 'signed')
  await fails(anon.from(id).uploadToSignedUrl(upload.path, upload.token, 'again'), '409')
  await fails(anon.from(id).uploadToSignedUrl('up/y.txt', upload.token, 'other'), '400')
  const read = await fetch(`${url}/object/sign/${id}/up/x.txt?token=${upload.token}`)
  assert.match((await read.json()).message, /not scoped/)
  await fails(ann.from(id).createSignedUploadUrl('up/z.txt'), '403')
  const upsert = await ok(from.createSignedUploadUrl('up/x.txt', { upsert: true }))
  await ok(anon.from(id).uploadToSignedUrl(upsert.path, upsert.token, 'replaced'))
  const bearer = await fetch(`${url}/bucket`, { headers: { Authorization: `Bearer ${upsert.token}` } })
  assert.equal((await bearer.json()).statusCode, '403')
})

test('public buckets, ranges and conditions', async () => {
  const id = await bucket({ public: true })
  await ok(service.from(id).upload('n.txt', '0123456789', { cacheControl: '60' }))
  const { data: { publicUrl } } = anon.from(id).getPublicUrl('n.txt')
  const got = await fetch(publicUrl)
  assert.equal(await got.text(), '0123456789')
  const etag = got.headers.get('etag')
  assert.equal(etag, '"781e5e245d69b566979b86e28d23f2c7"')
  assert.equal(got.headers.get('cache-control'), 'max-age=60')
  assert.equal(got.headers.get('accept-ranges'), 'bytes')
  assert.equal(got.headers.get('x-robots-tag'), 'none')
  for (const [range, status, body, content] of [
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'], ['bytes=7-', 206, '789', 'bytes 7-9/10'], ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=0-99', 206, '0123456789', 'bytes 0-9/10'],
  ]) {
    const part = await fetch(publicUrl, { headers: { range } })
    assert.deepEqual([part.status, await part.text(), part.headers.get('content-range')], [status, body, content])
  }
  const bad = await fetch(publicUrl, { headers: { range: 'bytes=10-' } })
  assert.deepEqual([bad.status, (await bad.json()).error], [416, 'invalid_range'])
  assert.equal((await fetch(publicUrl, { headers: { 'if-none-match': etag } })).status, 304)
  assert.equal((await fetch(publicUrl, { headers: { 'if-modified-since': got.headers.get('last-modified') } })).status, 304)
  const stale = await fetch(publicUrl, { headers: { 'if-none-match': '"x"' } })
  assert.equal(stale.headers.get('cache-control'), 'max-age=60, stale-while-revalidate=30')
  assert.equal((await fetch(publicUrl, { method: 'HEAD' })).headers.get('content-length'), '10')
  const named = anon.from(id).getPublicUrl('n.txt', { download: true }).data.publicUrl
  assert.equal((await fetch(named)).headers.get('content-disposition'), 'attachment;')
  assert.equal(await (await ok(anon.from(id).download('n.txt'))).text(), '0123456789')
  assert.equal((await ok(anon.from(id).info('n.txt'))).size, 10)
  const hidden = await bucket()
  await ok(service.from(hidden).upload('x', 'x'))
  const none = await fetch(anon.from(hidden).getPublicUrl('x').data.publicUrl)
  assert.deepEqual([none.status, (await none.json()).code], [400, 'NoSuchBucket'])
})

test('policies of folders', async () => {
  const mine = ann.from('folders')
  await ok(mine.upload(`${annID}/a.txt`, 'a'))
  await fails(mine.upload('other/a.txt', 'a'), '403', /row-level security/)
  await fails(bob.from('folders').upload(`${annID}/b.txt`, 'b'), '403')
  await fails(bob.from('folders').update(`${annID}/a.txt`, 'b'), '403')
  await fails(anon.from('folders').upload(`${annID}/b.txt`, 'b'), '403')
  for (const path of [`${annID}/../other/x`, `./${annID}/x`, `other/${annID}/x`, `${annID}x/x`, `/${annID}/x`]) {
    const { error } = await bob.from('folders').upload(path, 'x')
    assert.ok(error, path)
  }
  assert.deepEqual((await ok(mine.list(annID))).map((e) => e.name), ['a.txt'])
  assert.deepEqual(await ok(bob.from('folders').list(annID)), [])
  assert.deepEqual(await ok(bob.from('folders').remove([`${annID}/a.txt`])), [])
  await fails(bob.from('folders').move(`${annID}/a.txt`, 'x'), '404')
  await fails(bob.from('folders').copy(`${annID}/a.txt`, 'x'), '404')
  await fails(bob.from('folders').createSignedUrl(`${annID}/a.txt`, 60), '404')
  await fails(mine.move(`${annID}/a.txt`, 'other/a.txt'), '403')
  assert.equal(await (await ok(mine.download(`${annID}/a.txt`))).text(), 'a')
  assert.equal((await ok(mine.remove([`${annID}/a.txt`]))).length, 1)
})
