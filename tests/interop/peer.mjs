// Another implementation of RFC 9474 (RSABSSA-SHA384-PSS-Randomized), asked by tests/fare/test_interop.py.
// In: a JSON list of questions, [what, {arguments}]; out: a JSON list of answers. Bytes are hexadecimal.
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// Node 18, which Debian 12 has, gives it no global name.
globalThis.crypto ??= webcrypto;

// The packages are installed in a folder of the tests' own, not beside this file.
const require = createRequire(pathToFileURL(process.argv[2] + "/"));
const { RSABSSA } = await import(pathToFileURL(require.resolve("@cloudflare/blindrsa-ts")));

const suite = RSABSSA.SHA384.PSS.Randomized();
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");
const algorithm = { name: "RSA-PSS", hash: "SHA-384" };
const load = (jwk, use) => crypto.subtle.importKey("jwk", jwk, algorithm, true, [use]);

const questions = {
  prepare: ({ message }) => hex(suite.prepare(bytes(message))),
  blind: async ({ key, prepared }) => {
    const { blindedMsg, inv } = await suite.blind(await load(key, "verify"), bytes(prepared));
    return { blinded: hex(blindedMsg), inverse: hex(inv) };
  },
  sign: async ({ key, blinded }) => hex(await suite.blindSign(await load(key, "sign"), bytes(blinded))),
  finalize: async ({ key, prepared, signature, inverse }) =>
    hex(await suite.finalize(await load(key, "verify"), bytes(prepared), bytes(signature), bytes(inverse))),
  verify: async ({ key, prepared, signature }) =>
    suite.verify(await load(key, "verify"), bytes(signature), bytes(prepared)),
};

const answers = [];
for (const [what, given] of JSON.parse(readFileSync(0, "utf8"))) answers.push(await questions[what](given));
process.stdout.write(JSON.stringify(answers));
