// Resumable uploads with an unmodified client of TUS, as uppy has one.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { Upload } from 'tus-js-client'
import { StorageClient } from '@supabase/storage-js'

const { NEXUS_URL, NEXUS_ANON_KEY, NEXUS_SERVICE_KEY, NEXUS_ANN } = process.env
const url = `${NEXUS_URL}/storage/v1`
const service = new StorageClient(url, { apikey: NEXUS_ANON_KEY, Authorization: `Bearer ${NEXUS_SERVICE_KEY}` })
const id = `tus${process.pid}`
const content = Buffer.alloc(20_000_000, 'resumable')

function upload(objectName, options = {}) {
  return new Promise((resolve) => {
    const one = new Upload(content, {
      endpoint: `${url}/upload/resumable`,
      headers: { authorization: `Bearer ${NEXUS_SERVICE_KEY}`, 'x-upsert': 'true' },
      metadata: { bucketName: id, objectName, contentType: 'text/x-tus', cacheControl: '60', metadata: '{"k":"v"}' },
      chunkSize: 6 * 1024 * 1024,
      retryDelays: null,
      uploadDataDuringCreation: true,
      onError: (error) => resolve({ error, one }),
      onSuccess: () => resolve({ error: null, one }),
      ...options,
    })
    one.start()
  })
}

async function stored(objectName) {
  const { data, error } = await service.from(id).download(objectName)
  assert.equal(error, null)
  assert.ok(Buffer.from(await data.arrayBuffer()).equals(content), 'the bytes differ')
}

test('TUS', async (t) => {
  assert.equal((await service.createBucket(id, { public: false })).error, null)

  await t.test('in chunks', async () => {
    const { error, one } = await upload('dir/chunks.txt')
    assert.equal(error, null)
    assert.match(one.url, new RegExp(`^${url}/upload/resumable/`))
    await stored('dir/chunks.txt')
    const { data } = await service.from(id).info('dir/chunks.txt')
    assert.deepEqual([data.contentType, data.cacheControl, data.metadata], ['text/x-tus', 'max-age=60', { k: 'v' }])
  })

  await t.test('in one request, of unknown length', async () => {
    assert.equal((await upload('one.txt', { chunkSize: Infinity })).error, null)
    await stored('one.txt')
    const deferred = await upload('deferred.txt', { uploadLengthDeferred: true, uploadDataDuringCreation: false })
    assert.equal(deferred.error, null)
    await stored('deferred.txt')
  })

  await t.test('interrupted and resumed', async () => {
    let progress = 0
    const { one } = await new Promise((resolve) => {
      const run = new Upload(content, {
        endpoint: `${url}/upload/resumable`, headers: { authorization: `Bearer ${NEXUS_SERVICE_KEY}` },
        metadata: { bucketName: id, objectName: 'resumed.txt' }, chunkSize: 6 * 1024 * 1024, retryDelays: null,
        onChunkComplete: async (size, accepted) => {
          progress = accepted
          await run.abort()
          resolve({ one: run })
        },
      })
      run.start()
    })
    assert.ok(progress > 0 && progress < content.length)
    assert.equal((await service.from(id).exists('resumed.txt')).data, false, 'it is there before it is whole')
    const { error } = await upload('resumed.txt', { uploadUrl: one.url })
    assert.equal(error, null)
    await stored('resumed.txt')
  })

  await t.test('refused', async () => {
    const status = async (promise) => (await promise).error.originalResponse.getStatus()
    assert.equal(await status(upload('x', { headers: { authorization: `Bearer ${NEXUS_ANN}` } })), 403)
    assert.equal(await status(upload('x', { metadata: { bucketName: 'missing', objectName: 'x' } })), 404)
    assert.equal(await status(upload('x', { metadata: {} })), 400)
    assert.equal(await status(upload('dir/chunks.txt', { headers: { authorization: `Bearer ${NEXUS_SERVICE_KEY}` } })), 409)
    assert.equal(await status(upload('x', { metadata: { bucketName: id, objectName: '../x' } })), 400)
  })

  await t.test('with a signature', async () => {
    const { data } = await service.from(id).createSignedUploadUrl('signed.txt')
    const options = { endpoint: `${url}/upload/resumable/sign`, headers: { 'x-signature': data.token } }
    const { error, one } = await upload('signed.txt', options)
    assert.equal(error, null)
    assert.match(one.url, /resumable\/sign\//)
    await stored('signed.txt')
    const other = await upload('other.txt', options)
    assert.equal(other.error.originalResponse.getStatus(), 400)
  })

  await t.test('the protocol', async () => {
    const options = await fetch(`${url}/upload/resumable`, { method: 'OPTIONS' })
    assert.equal(options.status, 204)
    assert.equal(options.headers.get('tus-version'), '1.0.0')
    const headers = { authorization: `Bearer ${NEXUS_SERVICE_KEY}`, 'tus-resumable': '1.0.0' }
    const said = `bucketName ${btoa(id)},objectName ${btoa('p.txt')}`
    const created = await fetch(`${url}/upload/resumable`, { method: 'POST', headers: { ...headers, 'upload-length': '4', 'upload-metadata': said } })
    assert.equal(created.status, 201)
    const at = created.headers.get('location')
    const patch = (offset, body, more) => fetch(at, {
      method: 'PATCH', body, headers: { ...headers, 'upload-offset': offset, 'content-type': 'application/offset+octet-stream', ...more },
    })
    assert.equal((await patch('1', 'x')).status, 409)
    assert.equal((await patch('0', 'ab')).status, 204)
    assert.equal((await patch('0', 'ab')).status, 409)
    const head = await fetch(at, { method: 'HEAD', headers })
    assert.equal(head.status, 200)
    assert.deepEqual(['upload-offset', 'upload-length', 'upload-metadata', 'cache-control'].map((name) => head.headers.get(name)), ['2', '4', said, 'no-store'])
    assert.equal((await patch('2', 'x', { 'content-type': 'text/plain' })).status, 415)
    assert.equal((await patch('2', 'x', { 'tus-resumable': '0.2.2' })).status, 412)
    assert.equal((await patch('2', 'x', { authorization: `Bearer ${NEXUS_ANN}` })).status, 403)
    assert.equal((await fetch(at, { method: 'DELETE', headers: { ...headers, authorization: `Bearer ${NEXUS_ANN}` } })).status, 403)
    assert.equal((await fetch(at, { method: 'DELETE', headers })).status, 204)
    assert.equal((await fetch(at, { method: 'HEAD', headers })).status, 404)
    assert.equal((await fetch(`${at}x`, { method: 'HEAD', headers })).status, 404)
    const whole = await fetch(`${url}/upload/resumable`, { method: 'POST', headers: { ...headers, 'upload-length': '0', 'upload-metadata': said } })
    assert.equal(whole.status, 201)
    assert.equal((await service.from(id).info('p.txt')).data.size, 0)
    assert.equal((await fetch(whole.headers.get('location'), { method: 'DELETE', headers })).status, 400)
    const small = await fetch(`${url}/upload/resumable`, { method: 'POST', headers: { ...headers, 'upload-length': '1', 'upload-metadata': said, 'x-upsert': 'true' } })
    const more = { method: 'PATCH', body: 'abc', headers: { ...headers, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' } }
    assert.equal((await fetch(small.headers.get('location'), more)).status, 413)
  })
})
