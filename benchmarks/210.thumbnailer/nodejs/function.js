'use strict';

const { performance } = require('node:perf_hooks');
const { buffer } = require('node:stream/consumers');

const sharp = require('sharp');

const { storage } = require('./storage');

const client = new storage();

/** Makes a thumbnail of a picture, at most `width` by `height`, in the picture's own format. */
exports.handler = async (event) => {
  const { bucket, input, output } = event.bucket;
  const { key, width, height } = event.object;
  const began = performance.now();
  const picture = await buffer(await client.downloadStream(bucket, `${input}/${key}`));
  const downloaded = performance.now();
  // It keeps its shape, and is never made larger.
  const thumbnail = await sharp(picture).resize(width, height, { fit: 'inside', withoutEnlargement: true }).toBuffer();
  const computed = performance.now();
  const [stream, uploading, uploadedKey] = client.uploadStream(bucket, `${output}/thumbnail-${key}`);
  stream.end(thumbnail);
  await uploading;
  const uploaded = performance.now();
  return {
    result: { bucket, key: uploadedKey },
    measurement: {
      download_time: microseconds(downloaded - began),
      download_size: picture.length,
      compute_time: microseconds(computed - downloaded),
      upload_time: microseconds(uploaded - computed),
      upload_size: thumbnail.length,
    },
  };
};

function microseconds(milliseconds) {
  return Math.round(milliseconds * 1000);
}
