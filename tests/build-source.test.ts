import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { hashFile } from '../build-scripts/cache/key.ts';
import { loadConfig } from '../build-scripts/config.ts';
import { LWIP_PACKAGE } from '../build-scripts/lwip/source.ts';
import { exists } from '../build-scripts/system/files.ts';
import type { Step } from '../build-scripts/ui/steps.ts';
import { fetchNodeRelease } from '../build-scripts/v8/archive_source.ts';
import { parseQuiltSeries } from '../build-scripts/upstream/debian_package.ts';
import { NODEJS_PACKAGE, resolveSource, type V8Source } from '../build-scripts/v8/source.ts';
import { temporaryFolder, writeFiles } from './support/folder.ts';

const STEP: Step = {
  detail: () => undefined,
  progress: () => undefined,
  line: () => undefined,
  note: () => undefined,
  wait: () => undefined,
  warn: () => undefined,
};

const VERSION_HEADER = `#define V8_MAJOR_VERSION 11
#define V8_MINOR_VERSION 3
#define V8_BUILD_NUMBER 244
#define V8_PATCH_LEVEL 8
`;

/** What little of a Node.js source tree is looked at. */
const TREE = {
  'deps/v8/include/v8-version.h': VERSION_HEADER,
  'deps/v8/src/api.cc': 'int api;\n',
  'deps/v8/test/mjsunit/large.js': 'large\n',
  'src/node_version.h':
    '#define NODE_MAJOR_VERSION 20\n#define NODE_MINOR_VERSION 1\n#define NODE_PATCH_VERSION 2\n',
  'src/node.cc': 'int node;\n',
  'tools/v8_gypfiles/v8.gyp': '{}\n',
  'common.gypi': '{}\n',
  LICENSE: 'license\n',
};

async function fixture(t: ExecutionContext): Promise<{ root: string; tree: string }> {
  const root = await temporaryFolder(t);
  const tree = path.join(root, 'node-v20.1.2');
  await writeFiles(tree, TREE);
  return { root, tree };
}

async function pack(root: string, tree: string): Promise<string> {
  const file = path.join(root, 'node-v20.1.2.tar.xz');
  await execa('tar', ['--create', '--xz', '--file', file, '-C', root, path.basename(tree)]);
  return file;
}

function resolve(root: string, v8Source: string): Promise<V8Source> {
  const config = loadConfig({ cache: path.join(root, 'cache'), v8Source });
  return resolveSource(config, STEP, path.join(root, 'log'));
}

async function serve(t: ExecutionContext, file: string | undefined): Promise<string> {
  const server = createServer((_request, response) => {
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    void readFile(file).then((bytes) => response.end(bytes));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/node-v20.1.2.tar.xz`;
}

for (const kind of ['directory', 'tarball'] as const) {
  test(`a source may be a ${kind}`, async (t) => {
    const { root, tree } = await fixture(t);
    const named = kind === 'directory' ? tree : await pack(root, tree);
    const source = await resolve(root, named);
    t.is(source.record.origin, kind);
    t.is(source.record.release, '20.1.2');
    t.is(source.record.v8Version, '11.3.244.8');
    t.is(source.record.package, named);
    t.is(await readFile(path.join(source.tree, 'deps/v8/src/api.cc'), 'utf8'), 'int api;\n');
    // Only what the build needs is unpacked.
    t.false(await exists(path.join(source.tree, 'src/node.cc')));
    t.false(await exists(path.join(source.tree, 'deps/v8/test/mjsunit')));
    t.is((await resolve(root, named)).key, source.key);
  });
}

test('a changed directory is another source, unless the change is to what is not used', async (t) => {
  const { root, tree } = await fixture(t);
  const { key } = await resolve(root, tree);
  await writeFile(path.join(tree, 'src/node.cc'), 'int changed;\n');
  t.is((await resolve(root, tree)).key, key);
  await writeFile(path.join(tree, 'deps/v8/src/api.cc'), 'int changed;\n');
  t.not((await resolve(root, tree)).key, key);
});

const refused: [string, (tree: string) => Promise<unknown>, RegExp][] = [
  [
    'without V8',
    (tree) => rm(path.join(tree, 'deps'), { recursive: true }),
    /is not a Node\.js source tree: it has no deps\/v8/,
  ],
  [
    'with another V8',
    (tree) =>
      writeFile(
        path.join(tree, 'deps/v8/include/v8-version.h'),
        VERSION_HEADER.replace('11', '13'),
      ),
    /the source holds V8 13\.3\.244\.8, but the patch series is for V8 11\.3\.244\.x/,
  ],
];
for (const [title, spoil, message] of refused) {
  test(`a source ${title} is refused`, async (t) => {
    const { root, tree } = await fixture(t);
    await spoil(tree);
    await t.throwsAsync(resolve(root, tree), { message });
  });
}

test('a source that does not exist, or is no tarball, is refused', async (t) => {
  const { root } = await fixture(t);
  await t.throwsAsync(resolve(root, path.join(root, 'absent')), {
    message: /cannot read the V8 source .*absent/,
  });
  const file = path.join(root, 'text.tar.xz');
  await writeFile(file, 'no archive');
  await t.throwsAsync(resolve(root, file), {
    message: /cannot unpack the V8 source .*text\.tar\.xz/,
  });
});

test('a source that was resolved before is used, unless the series moved to another V8 since', async (t) => {
  const { root } = await fixture(t);
  const cache = path.join(root, 'cache');
  await writeFiles(cache, {
    'source/nodejs.org.json': '{"key":"feed"}',
    'source/feed/source.json': '{"v8Version":"11.3.244.8"}',
    // Refused as soon as it is looked at.
    'downloads/node-v20.19.2.tar.xz': 'not a release',
  });
  t.is((await resolve(root, 'nodejs.org')).key, 'feed');
  await writeFiles(cache, { 'source/feed/source.json': '{"v8Version":"10.2.154.26"}' });
  await t.throwsAsync(resolve(root, 'nodejs.org'), { message: /fails verification/ });
});

test('a release is downloaded once, and verified each time', async (t) => {
  const { root, tree } = await fixture(t);
  const file = await pack(root, tree);
  const release = { version: '20.1.2', url: await serve(t, file), sha256: await hashFile(file) };
  const downloads = path.join(root, 'downloads');
  const fetched = await fetchNodeRelease(downloads, STEP, release);
  t.deepEqual(fetched.record.digests, { 'node-v20.1.2.tar.xz': release.sha256 });
  const folder = path.join(root, 'unpacked');
  await mkdir(folder);
  await fetched.fill(folder, path.join(root, 'log'));
  t.true(await exists(path.join(folder, 'deps/v8/src/api.cc')));

  await fetchNodeRelease(downloads, STEP, {
    ...release,
    url: 'http://127.0.0.1:1/node-v20.1.2.tar.xz',
  });
  await writeFile(path.join(downloads, 'node-v20.1.2.tar.xz'), 'tampered with');
  await t.throwsAsync(fetchNodeRelease(downloads, STEP, release), {
    message: /fails verification: its SHA-256 is [0-9a-f]{64}, expected/,
  });
  t.false(await exists(path.join(downloads, 'node-v20.1.2.tar.xz')));
});

test('a failed download says so and leaves nothing behind', async (t) => {
  const { root } = await fixture(t);
  const url = await serve(t, undefined);
  const downloads = path.join(root, 'downloads');
  await t.throwsAsync(fetchNodeRelease(downloads, STEP, { version: '1', url, sha256: '' }), {
    message: /cannot download http:.*: the server answered 404/,
  });
  t.false(await exists(path.join(downloads, 'node-v20.1.2.tar.xz')));
});

test('a quilt series may have options, comments and blank lines', (t) => {
  t.deepEqual(parseQuiltSeries('a/b.patch -p1\n# no\n\nc.patch # why\n'), ['a/b.patch', 'c.patch']);
});

test("of a packager's patches, those on what is built are applied", (t) => {
  const wanted: [typeof LWIP_PACKAGE, string, boolean][] = [
    [LWIP_PACKAGE, 'src/core/tcp.c', true],
    [LWIP_PACKAGE, 'src/netif/ethernet.c', true],
    [LWIP_PACKAGE, 'src/netif/slipif.c', false],
    [LWIP_PACKAGE, 'src/include/lwip/apps/snmp.h', false],
    [LWIP_PACKAGE, 'src/apps/snmp/snmp_msg.c', false],
    [NODEJS_PACKAGE, 'deps/v8/src/api.cc', true],
    [NODEJS_PACKAGE, 'deps/v8/test/mjsunit/large.js', false],
    [NODEJS_PACKAGE, 'src/node.cc', false],
  ];
  for (const [{ name, isWanted }, file, expected] of wanted) {
    t.is(isWanted(file), expected, `${name}: ${file}`);
  }
});
