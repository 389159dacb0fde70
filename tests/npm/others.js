// SPDX-License-Identifier: MIT
// Other people's programs on our socket: jayson, a JSON-RPC 2.0 client that knows nothing of svmkit,
// and the meta-schema of OpenRPC on our document. Prints TAP. Usage: others.js OPENRPC-DOCUMENT, with
// SVMRUND_SOCKET set; modules come from NODE_PATH.
'use strict';
const fs = require('fs');
const Ajv = require('ajv');
const jayson = require('jayson');

let made = 0;
let failed = 0;

function ok(passed, name, detail) {
	made++;
	failed += passed ? 0 : 1;
	console.log(`${passed ? 'ok' : 'not ok'} ${made} - ${name}`);
	if (!passed)
		console.log(`# ${JSON.stringify(detail)}`);
}

function validator() {
	const copy = (schema) => JSON.parse(JSON.stringify(schema));
	const jsonSchema = copy(require('@json-schema-tools/meta-schema').default);
	const openrpc = copy(require('@open-rpc/meta-schema').default);
	const ajv = new Ajv({ strict: false, allErrors: true, validateSchema: false, logger: false });

	// Both name a dialect of their own; the keywords are those of draft 7.
	delete openrpc.$schema;
	delete jsonSchema.$schema;
	delete jsonSchema.$id;
	ajv.addSchema(jsonSchema, 'https://meta.json-schema.tools');
	ajv.addSchema(jsonSchema, 'https://meta.json-schema.tools/');
	return ajv.compile(openrpc);
}

function call(client, method, params) {
	return new Promise((resolve) => {
		client.request(method, params, (error, answer) => resolve({ error, answer }));
	});
}

function batch(client, requests) {
	return new Promise((resolve) => {
		client.request(requests, (error, answers) => resolve({ error, answers }));
	});
}

async function main() {
	const document = JSON.parse(fs.readFileSync(process.argv[2]));
	const validate = validator();
	const client = jayson.client.tcp({ path: process.env.SVMRUND_SOCKET });
	let got;

	ok(validate(document), 'the OpenRPC document passes the meta-schema', validate.errors);
	ok(!validate({ ...document, methods: [{ params: [] }] }), 'which refuses a method without a name');

	got = await call(client, 'system.info', {});
	ok(!got.error && got.answer.result.engine === 'fake', 'a call is answered', got);
	got = await call(client, 'no.such', {});
	ok(!got.error && got.answer.error.code === -32601, 'an unknown method is the standard error', got);
	got = await call(client, 'vm.info', { vm: 99 });
	ok(!got.error && got.answer.error.code === 1, 'an error of ours has our code', got);
	got = await batch(client, [client.request('vm.list', {}, undefined, false),
		client.request('template.list', {}, undefined, false)]);
	ok(!got.error && got.answers.length === 2 && got.answers.every((one) => one.result),
		'a batch is answered as one', got);
	got = await call(client, 'rpc.discover', {});
	ok(!got.error && JSON.stringify(got.answer.result) === JSON.stringify(document),
		'rpc.discover is the committed document', got.error);
	console.log(`1..${made}`);
	process.exit(failed ? 1 : 0);
}

main();
