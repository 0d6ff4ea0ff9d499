// brainchop's and niivue's own code on one image: see meshnet.py beside this file.
//
//     node meshnet.mjs BRAINCHOP MODELS IMAGE OUT ID
//
// Writes OUT/conformed.bin, its affine, and OUT/<id>.bin: what brainchop's worker gives for that model of its list.
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [brainchop, models, image, out, id] = process.argv.slice(2)
const load = (...place) => import(pathToFileURL(path.resolve(...place)).href)
console.log = () => {}

const { Niivue, NVImage } = await load('node_modules/@niivue/niivue/dist/index.js')
const volume = await NVImage.loadFromUrl({ url: new Uint8Array(fs.readFileSync(image)) })
const conformed = await Object.create(Niivue.prototype).conform(volume, false)
fs.writeFileSync(path.join(out, 'conformed.bin'), conformed.img)
fs.writeFileSync(path.join(out, 'affine.json'), JSON.stringify(conformed.hdr.affine))

// What the worker finds in a browser.
const listeners = []
let got = () => {}
globalThis.self = {
  postMessage: (message) => message.cmd === 'img' && got(message.img),
  addEventListener: (_, listener) => listeners.push(listener)
}
// The worker asks for WebGL and does not wait for the answer; without it the package computes in JavaScript.
process.on('unhandledRejection', (error) => {
  if (!String(error).includes("'webgl' not found")) throw error
})
globalThis.navigator ??= { userAgent: 'node' }
const server = http.createServer((request, response) => {
  response.setHeader('Connection', 'close')
  response.end(fs.readFileSync(path.join(models, path.basename(path.dirname(request.url)), path.basename(request.url))))
})
await new Promise((done) => server.listen(0, '127.0.0.1', done))
// The worker goes on in a loop while the second network still runs, and throws its tensors away; here it waits.
const worker = path.join(brainchop, 'brainchop-webworker.js')
const waiting = path.join(brainchop, 'brainchop-webworker-waiting.js')
fs.writeFileSync(waiting, fs.readFileSync(worker, 'utf8').replaceAll(/^( +)runFullVolumeInference\(/gm, '$1return await runFullVolumeInference('))
await load(waiting)
const { inferenceModelsList, brainChopOpts } = await load(brainchop, 'brainchop-parameters.js')
const modelEntry = inferenceModelsList.find((entry) => entry.id === Number(id))
const opts = { ...brainChopOpts, rootURL: `http://127.0.0.1:${server.address().port}` }
const niftiHeader = { datatypeCode: conformed.hdr.datatypeCode, dims: conformed.hdr.dims }
const answer = new Promise((done) => (got = done))
listeners[0]({ data: { opts, modelEntry, niftiHeader, niftiImage: conformed.img } })
fs.writeFileSync(path.join(out, `${id}.bin`), Uint8Array.from(await answer))
process.stderr.write(`${id} done\n`)
server.close()
