// What the commands that talk to a server make of their command lines and of replies.
import test from 'ava';
import { endpointOf } from '../build-scripts/client/connection.ts';
import { splitOperands } from '../build-scripts/client/operands.ts';
import { formatReply, replyToJson, type Reply } from '../build-scripts/client/reply.ts';

test('an endpoint has defaults, and its password comes from the option or the environment', (t) => {
  t.deepEqual(endpointOf({}, {}), {
    url: 'redis://127.0.0.1:7379',
    tenant: 'default',
    password: undefined,
  });
  t.is(endpointOf({ tenant: 'a' }, { SHREDDER_PASSWORD: 'x' }).password, 'x');
  t.is(endpointOf({ tenant: 'a', password: 'y' }, { SHREDDER_PASSWORD: 'x' }).password, 'y');
  t.throws(() => endpointOf({ tenant: 'a' }, {}), { message: 'tenant a needs a password' });
});

for (const url of [
  'localhost:7379',
  'http://localhost',
  'redis://',
  'redis://host:0',
  'redis://host:65536',
  'redis://host/1',
  'redis://user:secret@host',
  'unix:relative',
]) {
  test(`${url} is refused`, (t) => {
    const error = t.throws(() => endpointOf({ url }, {}), { message: /^--url/ });
    t.notRegex(error.message, /secret/);
    t.false(error.message.includes('\n'));
  });
}

for (const url of [
  'redis://host',
  'redis://host:7379/0',
  'redis://[::1]:7379',
  'unix:/run/s.sock',
]) {
  test(`${url} is a server`, (t) => {
    t.is(endpointOf({ url }, {}).url, url);
  });
}

for (const tenant of ['', 'A', '-a', 'a b', 'x'.repeat(64)]) {
  test(`${JSON.stringify(tenant)} is no tenant`, (t) => {
    t.throws(() => endpointOf({ tenant, password: 'x' }, {}), { message: /^--tenant/ });
  });
}

test("operands are split at the command line's first --", (t) => {
  const split = (...argv: string[]): [string[], string[]] => {
    const operands = argv.filter((each, index) => each !== '--' || argv.indexOf('--') !== index);
    const { before, behind } = splitOperands(operands, argv);
    return [before, behind];
  };
  t.deepEqual(split('a', 'b', '--', 'c'), [['a', 'b'], ['c']]);
  t.deepEqual(split('a', '--'), [['a'], []]);
  t.deepEqual(split('a', 'b'), [['a', 'b'], []]);
  t.deepEqual(split('--', 'c', '--', 'd'), [[], ['c', '--', 'd']]);
});

const bytes = (text: string): Buffer => Buffer.from(text);
const examples: { reply: Reply; text: string; json: string }[] = [
  { reply: null, text: 'null', json: 'null' },
  { reply: true, text: 'true', json: 'true' },
  { reply: '9007199254740993', text: '9007199254740993', json: '9007199254740993' },
  { reply: '-1.5e+300', text: '-1.5e+300', json: '-1.5e+300' },
  { reply: 'Infinity', text: 'Infinity', json: '"Infinity"' },
  { reply: bytes('two\nlines'), text: 'two\nlines', json: '"two\\nlines"' },
  { reply: bytes(''), text: '', json: '""' },
  {
    reply: Buffer.from([0xff, 0]),
    text: '<Buffer ff 00>',
    json: '{"base64":"/wA="}',
  },
  { reply: ['1', bytes('1')], text: "[ 1, '1' ]", json: '[1,"1"]' },
  {
    reply: { a: ['1', null], 'b c': { d: false } },
    text: "{ a: [ 1, null ], 'b c': { d: false } }",
    json: '{"a":[1,null],"b c":{"d":false}}',
  },
  {
    reply: [new Error('ERR no')],
    text: '[ Error: ERR no ]',
    json: '[{"error":"ERR no"}]',
  },
];
for (const { reply, text, json } of examples) {
  test(`a reply is shown as ${JSON.stringify(text)}, in JSON as ${json}`, (t) => {
    t.is(formatReply(reply), text);
    t.is(replyToJson(reply), json);
    t.notThrows(() => JSON.parse(json) as unknown);
  });
}

test('a reply for a terminal has no control characters, of texts and of errors within', (t) => {
  const text = '\u001b]0;title\u0007\u009b2J';
  t.is(formatReply(Buffer.from(text)), text);
  const shown = '\\x1b]0;title\\x07\\x9b2J';
  t.is(formatReply(Buffer.from(text), { isForTerminal: true }), shown);
  t.is(formatReply([new Error(text)]), `[ Error: ${shown} ]`);
});
