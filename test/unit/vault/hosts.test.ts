import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { hostMatches } from '../../../src/net/hostname.ts';
import { hostsOverlap, parseHostPattern, parseHosts } from '../../../src/vault/hosts.ts';
import { refusal } from './harness.ts';

const accepted: [given: string, stored: string][] = [
  ['api.example.com', 'api.example.com'],
  ['API.Example.COM', 'api.example.com'],
  ['example.com', 'example.com'],
  ['a-b.c-d.example.com', 'a-b.c-d.example.com'],
  ['1password.example.com', '1password.example.com'],
  ['*.example.com', '*.example.com'],
  ['*.API.example.co.uk', '*.api.example.co.uk'],
  ['*.mine.github.io', '*.mine.github.io'],
  ['*.corp.internal', '*.corp.internal'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['BÜCHER.example', 'xn--bcher-kva.example'],
  ['*.bücher.example', '*.xn--bcher-kva.example'],
  // The same letter composed of two characters.
  ['bu\u0308cher.example', 'xn--bcher-kva.example'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['faß.example', 'xn--fa-hia.example'],
  ['例え.テスト', 'xn--r8jz45g.xn--zckzah'],
  // A registry's own host is a host like others; only a wildcard over it is refused.
  ['github.io', 'github.io'],
];

const refused: [given: string, words: RegExp][] = [
  ['', /empty/],
  ['https://api.example.com', /scheme/],
  ['api.example.com/v1', /path/],
  ['api.example.com:443', /port/],
  ['user@api.example.com', /user name/],
  ['api.example.com.', /ends with a dot/],
  ['*.example.com.', /ends with a dot/],
  ['localhost', /one label/],
  ['com', /one label/],
  ['192.0.2.1', /IP address/],
  ['127.1', /IP address/],
  ['2130706433', /IP address/],
  ['[2001:db8::1]', /IP address/],
  ['2001:db8::1', /IP address/],
  ['0x7f.1', /not a host name/],
  ['0x7f000001', /not a host name/],
  ['api.example.0x1', /not a host name/],
  ['api.example.1', /not a host name/],
  ['*', /wildcard/],
  ['*example.com', /wildcard/],
  ['a.*.example.com', /wildcard/],
  ['**.example.com', /wildcard/],
  ['*.*.example.com', /wildcard/],
  ['api..example.com', /not a host name/],
  ['.example.com', /not a host name/],
  ['-api.example.com', /not a host name/],
  ['api-.example.com', /not a host name/],
  ['api_v1.example.com', /no host name has/],
  ['api example.com', /no host name has/],
  [' api.example.com', /no host name has/],
  ['api.example.com\n', /no host name has/],
  ['api.example.com\0', /no host name has/],
  ['api%2eexample.com', /no host name has/],
  ['ex%61mple.com', /no host name has/],
  ['api.example.com?x', /no host name has/],
  ['api.example.com#x', /no host name has/],
  ['api\\example.com', /no host name has/],
  ['fe80::1%eth0', /IP address/],
  [`${'a'.repeat(64)}.example.com`, /not a host name/],
  [`${'a.'.repeat(126)}example.com`, /253/],
  // What the URL standard would repair without a word.
  ['api\u3002example.com', /no host name has/],
  ['api\u00adx.example.com', /no host name has/],
  ['api\u200d.example.com', /no host name has/],
  ['\uff41pi.example.com', /internationalised/],
  ['\u212aelvin.example.com', /internationalised/],
  ['\uff41\u00e9.example.com', /internationalised/],
  ['api.example.com\u0661', /internationalised|not a host name/],
  ['😀.example.com', /no host name has/],
  ['xn--a.example.com', /internationalised/],
  ['xn--.example.com', /internationalised|not a host name/],
  ['XN--BCHER-KVA1.example', /internationalised/],
];

const publicSuffixes = [
  'com',
  'co.uk',
  'github.io',
  'vercel.app',
  'herokuapp.com',
  's3.amazonaws.com',
  'compute.amazonaws.com',
  'myshopify.com',
  'supabase.co',
  'workers.dev',
  'anything.ck',
  'kawasaki.jp',
  'xn--p1ai',
  'localhost',
  'internal',
];

describe('hosts of a secret', () => {
  for (const [given, stored] of accepted) {
    it(`${JSON.stringify(given)} is stored as ${stored}`, () => {
      assert.equal(parseHostPattern('hosts.0', given), stored);
    });
  }

  for (const [given, words] of refused) {
    it(`${JSON.stringify(given.slice(0, 40))} is refused`, () => {
      assert.throws(() => parseHostPattern('hosts.3', given), refusal('bad_request', 'hosts.3', words));
    });
  }

  for (const suffix of publicSuffixes) {
    it(`a wildcard over the public suffix ${suffix} is refused`, () => {
      assert.throws(
        () => parseHostPattern('hosts.0', `*.${suffix}`),
        refusal('bad_request', 'hosts.0', /anybody can register/),
      );
    });
  }

  it('a wildcard over the customers of one service is refused', () => {
    for (const suffix of ['atlassian.net', 'zendesk.com', 'grafana.net', 'cloud.databricks.com']) {
      assert.throws(
        () => parseHostPattern('hosts.0', `*.${suffix}`),
        refusal('bad_request', 'hosts.0', /every customer/),
      );
    }
  });

  it('one to sixteen hosts are taken, each once', () => {
    assert.throws(() => parseHosts('hosts', []), refusal('bad_request', 'hosts', /1 to 16/));
    const sixteen = Array.from({ length: 16 }, (_, index) => `h${index}.example.com`);
    assert.deepEqual(parseHosts('hosts', sixteen), sixteen);
    assert.throws(
      () => parseHosts('hosts', [...sixteen, 'one.example.com']),
      refusal('bad_request', 'hosts', /1 to 16/),
    );
    assert.deepEqual(parseHosts('hosts', ['B.example.com', 'a.example.com', 'b.example.com']), [
      'b.example.com',
      'a.example.com',
    ]);
  });

  it('the host at fault is named by its place', () => {
    assert.throws(() => parseHosts('hosts', ['a.example.com', 'b']), refusal('bad_request', 'hosts.1'));
  });
});

describe('overlap', () => {
  const cases: [a: string, b: string, overlap: boolean][] = [
    ['a.example.com', 'a.example.com', true],
    ['a.example.com', '*.example.com', true],
    ['example.com', '*.example.com', false],
    ['a.b.example.com', '*.example.com', false],
    ['*.example.com', '*.example.com', true],
    ['*.a.example.com', '*.example.com', false],
    ['a.example.com', 'b.example.com', false],
    ['a.example.org', '*.example.com', false],
    ['aexample.com', '*.example.com', false],
  ];
  for (const [a, b, overlap] of cases) {
    it(`${a} and ${b} ${overlap ? 'overlap' : 'do not overlap'}, either way round`, () => {
      assert.equal(hostsOverlap(a, b), overlap);
      assert.equal(hostsOverlap(b, a), overlap);
    });
  }
});

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/).filter((text) => !text.startsWith('xn--'));
const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => `${labels.join('.')}.example.com`);

describe('properties of hosts', () => {
  it('an ordinary name is kept, whatever its case, and parsing again changes nothing', () => {
    fc.assert(
      fc.property(name, fc.boolean(), (host, wildcard) => {
        const pattern = wildcard ? `*.${host}` : host;
        assert.equal(parseHostPattern('hosts.0', pattern.toUpperCase()), pattern);
        assert.equal(parseHostPattern('hosts.0', pattern), pattern);
      }),
    );
  });

  it('whatever is accepted is plain, lower-case and stable', () => {
    const odd = fc.string({ unit: 'grapheme', maxLength: 12 });
    const text = fc.oneof(
      odd,
      fc.tuple(odd, name).map(([left, right]) => `${left}.${right}`),
      fc.webAuthority(),
    );
    fc.assert(
      fc.property(text, (given) => {
        let stored: string;
        try {
          stored = parseHostPattern('hosts.0', given);
        } catch (error) {
          return refusal('bad_request', 'hosts.0')(error);
        }
        assert.match(stored, /^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/);
        assert.equal(parseHostPattern('hosts.0', stored), stored);
        return true;
      }),
      { numRuns: 500 },
    );
  });

  it('patterns overlap exactly where some host matches both', () => {
    const short = fc
      .array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 3 })
      .map((labels) => `${labels.join('.')}.x.org`);
    const pattern = fc.tuple(short, fc.boolean()).map(([host, wildcard]) => (wildcard ? `*.${host}` : host));
    const letters = ['a', 'b', ''];
    const hosts = letters.flatMap((one) =>
      letters.flatMap((two) =>
        letters.flatMap((three) =>
          letters.map((four) => [four, three, two, one, 'x.org'].filter((each) => each !== '').join('.')),
        ),
      ),
    );
    fc.assert(
      fc.property(pattern, pattern, (a, b) => {
        assert.equal(
          hostsOverlap(a, b),
          hosts.some((host) => hostMatches(a, host) && hostMatches(b, host)),
        );
      }),
    );
  });
});
