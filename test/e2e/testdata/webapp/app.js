// SPDX-License-Identifier: Apache-2.0

// A small web app that keeps files in a bucket. Its own server signs URLs; the
// bytes go between the browser and the storage server.

"use strict";

// Blocked is what became of a request that the browser kept from the script.
class Blocked extends Error {}

// sign asks the server of the page for a URL that is allowed to do one thing.
async function sign(method, bucket, key, query, headers) {
  const response = await fetch("/sign", {
    method: "POST",
    body: JSON.stringify({ method, bucket, key, query: query || "", headers: headers || {} }),
  });
  if (!response.ok) {
    throw new Error(`sign: ${response.status} ${await response.text()}`);
  }
  return response.text();
}

// store sends one request to the storage server.
async function store(method, bucket, key, { query, headers, body, credentials } = {}) {
  const url = await sign(method, bucket, key, query, headers);
  let response;
  try {
    response = await fetch(url, { method, headers, body, credentials: credentials || "omit" });
  } catch (error) {
    throw new Blocked(`${method} ${key}${query ? "?" + query : ""}: ${error}`);
  }
  if (!response.ok) {
    throw new Error(`${method} ${key}: ${response.status} ${await response.text()}`);
  }
  return response;
}

// header reads a header of a response, which the browser may hide.
function header(response, name) {
  const value = response.headers.get(name);
  if (value === null) {
    throw new Blocked(`the header ${name} cannot be read`);
  }
  return value;
}

// What the app can do. Each returns what it got.
const app = {
  async read(bucket, key) {
    return (await store("GET", bucket, key)).text();
  },

  async size(bucket, key) {
    return header(await store("HEAD", bucket, key), "Content-Length");
  },

  async readPart(bucket, key) {
    const response = await store("GET", bucket, key, { headers: { range: "bytes=3-6" } });
    return `${header(response, "Content-Range")}: ${await response.text()}`;
  },

  async upload(bucket, key) {
    const headers = { "content-type": "application/json" };
    const response = await store("PUT", bucket, key, { headers, body: '{"from": "a browser"}' });
    return header(response, "ETag");
  },

  async uploadWithMetadata(bucket, key) {
    const headers = { "content-type": "text/plain", "x-amz-meta-team": "web" };
    return (await store("PUT", bucket, key, { headers, body: "annotated" })).status;
  },

  async uploadInParts(bucket, key) {
    const created = await store("POST", bucket, key, { query: "uploads=" });
    const xml = new DOMParser().parseFromString(await created.text(), "application/xml");
    const id = encodeURIComponent(xml.querySelector("UploadId").textContent);
    // Every part but the last has to have 5 MiB.
    const parts = [new Uint8Array(5 << 20).fill(97), new TextEncoder().encode("the end")];
    let list = "";
    for (const [i, body] of parts.entries()) {
      const query = `partNumber=${i + 1}&uploadId=${id}`;
      const etag = header(await store("PUT", bucket, key, { query, body }), "ETag");
      list += `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`;
    }
    const body = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
    const headers = { "content-type": "application/xml" };
    const completed = await store("POST", bucket, key, { query: `uploadId=${id}`, headers, body });
    return (await completed.text()).includes("CompleteMultipartUploadResult");
  },

  async readWithCredentials(bucket, key) {
    return (await store("GET", bucket, key, { credentials: "include" })).text();
  },

  async remove(bucket, key) {
    return (await store("DELETE", bucket, key)).status;
  },

  // No rule of the tests allows this header.
  async uploadWithStrangeHeader(bucket, key) {
    return (await store("PUT", bucket, key, { headers: { "x-strange": "1" }, body: "strange" })).status;
  },
};

// use does one thing, and says what came of it.
async function use(what, bucket, key) {
  try {
    return { through: true, result: String(await app[what](bucket, key)) };
  } catch (error) {
    return { through: false, blocked: error instanceof Blocked, error: String(error) };
  }
}
