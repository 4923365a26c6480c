// SPDX-License-Identifier: Apache-2.0

// Any requests, and what the browser lets a script have of the answers.

"use strict";

async function attempt({ url, method, headers, body, credentials }) {
  const options = { method, headers: headers || {}, credentials: credentials ? "include" : "omit" };
  if (body) {
    // Bytes, for which the browser sets no Content-Type.
    options.body = new TextEncoder().encode(body);
  }
  try {
    const response = await fetch(url, options);
    await response.arrayBuffer();
    return { resolved: true, status: response.status, readable: [...response.headers.keys()] };
  } catch (error) {
    return { resolved: false, error: String(error) };
  }
}

function attemptAll(requests) {
  return Promise.all(requests.map(attempt));
}

// attemptInSandbox is attemptAll from a frame whose origin is null.
function attemptInSandbox(requests) {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.src = "/";
  return new Promise((resolve) => {
    addEventListener("message", ({ data }) => resolve(data), { once: true });
    frame.addEventListener("load", () => frame.contentWindow.postMessage(requests, "*"));
    document.body.append(frame);
  });
}

if (window !== parent) {
  addEventListener("message", async ({ data, source }) => source.postMessage(await attemptAll(data), "*"));
}
