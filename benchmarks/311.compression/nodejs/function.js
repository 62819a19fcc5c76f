'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { performance } = require('node:perf_hooks');
const { pipeline } = require('node:stream/promises');

const yazl = require('yazl');

const { storage } = require('./storage');

const client = new storage();

/** Packs all objects below a prefix into a ZIP archive, and uploads that. */
exports.handler = async (event) => {
  const { bucket, input, output } = event.bucket;
  const { key } = event.object;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'compression-'));
  try {
    const files = path.join(folder, 'files');
    const began = performance.now();
    await client.downloadDirectory(bucket, `${input}/${key}/`, files);
    const downloaded = performance.now();
    // Keys are kept as paths, so what was asked for lies below the prefix.
    const root = path.join(files, input, key);
    if (!fs.existsSync(root)) throw new Error(`bucket ${bucket} has no object below ${input}/${key}/`);
    const archive = path.join(folder, 'archive.zip');
    const size = await compress(root, archive);
    const compressed = performance.now();
    const [uploadedKey, uploading] = client.upload(bucket, `${output}/${key}.zip`, archive);
    await uploading;
    const uploaded = performance.now();
    return {
      result: { bucket, key: uploadedKey },
      measurement: {
        download_time: microseconds(downloaded - began),
        download_size: size,
        compute_time: microseconds(compressed - downloaded),
        upload_time: microseconds(uploaded - compressed),
        upload_size: fs.statSync(archive).size,
      },
    };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
};

/** Writes a ZIP archive of a folder's files; the size of these in bytes. */
async function compress(folder, archive) {
  const zip = new yazl.ZipFile();
  let size = 0;
  for (const name of fs.readdirSync(folder, { recursive: true }).sort()) {
    const file = path.join(folder, name);
    const stats = fs.statSync(file);
    if (!stats.isFile()) continue;
    size += stats.size;
    zip.addFile(file, name);
  }
  zip.end();
  await pipeline(zip.outputStream, fs.createWriteStream(archive));
  return size;
}

function microseconds(milliseconds) {
  return Math.round(milliseconds * 1000);
}
