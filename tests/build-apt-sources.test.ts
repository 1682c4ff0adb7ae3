import test from 'ava';
import {
  findDebianArchives,
  parseDeb822,
  parseOneLine,
  sourceListFor,
} from '../build-scripts/upstream/apt_sources.ts';
import { packagingCandidates } from '../build-scripts/upstream/debian_package.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

const DEB822 = `Types: deb
# A comment in the middle.
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: ${KEYRING}

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: ${KEYRING}
`;

test('deb822 sources are parsed, comments and stanzas apart', (t) => {
  t.deepEqual(parseDeb822(DEB822), [
    {
      uri: 'http://mirror.example/debian',
      suites: ['bookworm', 'bookworm-updates'],
      components: ['main'],
      signedBy: KEYRING,
    },
    {
      uri: 'http://mirror.example/debian-security',
      suites: ['bookworm-security'],
      components: ['main'],
      signedBy: KEYRING,
    },
  ]);
});

test('deb822 sources may be switched off, continued, and hold a key', (t) => {
  t.deepEqual(parseDeb822('Enabled: no\nURIs: http://a\nSuites: b\nComponents: main\n'), []);
  const [source, second] = parseDeb822(
    'uris: http://a\n http://b\nSuites: x\nComponents: main\nSigned-By:\n -----BEGIN PGP-----\n .\n abc\n',
  );
  t.is(source?.uri, 'http://a');
  t.is(second?.uri, 'http://b');
  t.is(source?.signedBy, undefined);
});

test('one-line sources are parsed, with options and comments', (t) => {
  const text = [
    '# deb http://off.example/debian bookworm main',
    'deb http://mirror.example/debian bookworm main contrib # why',
    `deb-src [arch=amd64 signed-by=${KEYRING}] http://mirror.example/debian-security bookworm-security main`,
    'nonsense',
  ].join('\n');
  t.deepEqual(parseOneLine(text), [
    {
      uri: 'http://mirror.example/debian',
      suites: ['bookworm'],
      components: ['main', 'contrib'],
      signedBy: undefined,
    },
    {
      uri: 'http://mirror.example/debian-security',
      suites: ['bookworm-security'],
      components: ['main'],
      signedBy: KEYRING,
    },
  ]);
});

test("Debian's archives are told from third parties'", (t) => {
  const thirdParty = [
    ...parseOneLine('deb https://vendor.example/linux/debian bookworm stable'),
    ...parseOneLine('deb https://vendor.example/apt bookworm main'),
    ...parseOneLine(
      'deb [signed-by=/etc/apt/keyrings/vendor.gpg] https://vendor.example/debian bookworm main',
    ),
  ];
  t.is(findDebianArchives(thirdParty, 'bookworm'), undefined);
  const archives = findDebianArchives([...thirdParty, ...parseDeb822(DEB822)], 'bookworm');
  t.is(archives?.main.uri, 'http://mirror.example/debian');
  t.is(archives?.security?.uri, 'http://mirror.example/debian-security');
});

test('a machine without a security suite is told apart', (t) => {
  const sources = parseOneLine('deb http://mirror.example/debian/ bookworm main');
  const archives = findDebianArchives(sources, 'bookworm');
  t.is(archives?.main.uri, 'http://mirror.example/debian/');
  t.is(archives?.security, undefined);
});

test("a list of mirrors, as cloud images have it, is Debian's archive", (t) => {
  const sources = parseDeb822(
    'URIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: bookworm\nComponents: main\n',
  );
  t.is(
    findDebianArchives(sources, 'bookworm')?.main.uri,
    'mirror+file:///etc/apt/mirrors/debian.list',
  );
});

test('the private list offers sources of another release, signed as on this machine', (t) => {
  const archives = findDebianArchives(parseDeb822(DEB822), 'bookworm');
  t.truthy(archives);
  if (archives === undefined) return;
  t.is(
    sourceListFor(archives, 'trixie', undefined),
    `deb-src [signed-by=${KEYRING}] http://mirror.example/debian trixie main\n` +
      `deb-src [signed-by=${KEYRING}] http://mirror.example/debian-security trixie-security main\n`,
  );
  const unsigned = { main: { ...archives.main, signedBy: undefined }, security: undefined };
  t.is(
    sourceListFor(unsigned, 'trixie', '/keys.gpg'),
    'deb-src [signed-by=/keys.gpg] http://mirror.example/debian trixie main\n',
  );
  t.is(
    sourceListFor(unsigned, 'trixie', undefined),
    'deb-src http://mirror.example/debian trixie main\n',
  );
});

const NODEJS = { name: 'nodejs', release: 'trixie' };

test("a packager's patches are asked of every suite that may have them, the newest first", (t) => {
  const archives = findDebianArchives(parseDeb822(DEB822), 'bookworm');
  t.truthy(archives);
  if (archives === undefined) return;
  t.deepEqual(packagingCandidates(NODEJS, archives), [
    'nodejs',
    'nodejs/trixie-security',
    'nodejs/trixie',
  ]);
  t.deepEqual(packagingCandidates(NODEJS, { main: archives.main, security: undefined }), [
    'nodejs',
    'nodejs/trixie',
  ]);
});
