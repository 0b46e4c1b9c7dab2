import { Buffer } from 'node:buffer';
import { boundPorts, transparentPort } from './listen-in-namespace.ts';

/**
 * The rules that lead TCP connections to any port to one listener, as the bytes of an nf_tables transaction: netlink
 * messages (linux/netfilter/nf_tables.h) that the launcher sends in the sandbox's own network namespace, so that no tool
 * has to be installed or started for them. It is what `nft` makes of
 *
 *     table inet standin {
 *       chain other_ports {
 *         type filter hook prerouting priority mangle; policy accept;
 *         meta nfproto ipv4 meta l4proto tcp ip daddr != 127.0.0.0/8 ip daddr != 198.18.255.254
 *           tcp dport != { 53, 80, 443, 3128 } tproxy to :1
 *         meta nfproto ipv6 … ip6 daddr != ::1 ip6 daddr != 2001:2::fffe … tproxy to :1
 *       }
 *     }
 *
 * `tproxy` leaves the packets as they are, so that the accepted socket's own address and port are those that were dialled.
 * What a connection's own sockets are found for (answers, and all after its beginning) is not led anywhere else. Loopback and
 * the sandbox's own address stay its own: its servers are reached there.
 */
export function otherPortRules(): Buffer {
  return Buffer.concat([
    message(batchBegin, { family: 0, resource: nfTables }),
    message(nfTables << 8, { flags: create }, text(1, table)),
    message((nfTables << 8) | newChain, { flags: create }, [
      ...text(1, table),
      ...text(3, chain),
      // NF_INET_PRE_ROUTING, NF_IP_PRI_MANGLE
      ...nested(4, [...number(1, 0), ...number(2, -150)]),
      ...number(5, 1),
      ...text(7, 'filter'),
    ]),
    rule({ family: 2, offset: 16, own: [[127], ownAddress] }),
    rule({ family: 10, offset: 24, own: [loopback6, ownAddress6], acknowledge: true }),
    message(batchEnd, { family: 0, resource: nfTables }),
  ]);
}

const table = 'standin';
const chain = 'other_ports';
const loopback6 = [...zeros(15), 1];
/** 198.18.255.254 and 2001:2::fffe, which the launcher gives it. */
const ownAddress = [198, 18, 255, 254];
const ownAddress6 = [0x20, 0x01, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe];

const nfTables = 10;
const [batchBegin, batchEnd] = [16, 17];
const [newChain, newRule] = [3, 6];
const [request, acknowledged, create, append] = [1, 4, 0x400, 0x800];
/** Registers: addresses are of 16 bytes. */
const [first, port] = [1, 8];

/** Packets of a family (`NFPROTO_*`) to other addresses than its own, whose destination is at this offset. */
function rule(packets: { family: number; offset: number; own: readonly number[][]; acknowledge?: boolean }): Buffer {
  const differs = (base: number, offset: number, values: readonly number[][]) =>
    values.flatMap((value) => [
      ...expression('payload', [
        ...number(1, first),
        ...number(2, base),
        ...number(3, offset),
        ...number(4, value.length),
      ]),
      ...compare(1, value),
    ]);
  const ports = boundPorts.map((each) => [each >> 8, each & 255]);
  const expressions = [
    // NFT_META_NFPROTO and NFT_META_L4PROTO
    ...expression('meta', [...number(1, first), ...number(2, 15)]),
    ...compare(0, [packets.family]),
    ...expression('meta', [...number(1, first), ...number(2, 16)]),
    ...compare(0, [6]),
    ...differs(1, packets.offset, packets.own),
    ...differs(2, 2, ports),
    ...expression('immediate', [...number(1, port), ...nested(2, attribute(1, [0, transparentPort]))]),
    ...expression('tproxy', [...number(1, 0), ...number(3, port)]),
  ];
  const flags = create | append | (packets.acknowledge === true ? acknowledged : 0);
  return message((nfTables << 8) | newRule, { flags }, [
    ...text(1, table),
    ...text(2, chain),
    ...nested(4, expressions),
  ]);
}

/** Goes on where what was loaded equals (0), or differs from (1), this. */
function compare(how: 0 | 1, value: number[]): number[] {
  return expression('cmp', [...number(1, first), ...number(2, how), ...nested(3, attribute(1, value))]);
}

function expression(name: string, data: number[]): number[] {
  return nested(1, [...text(1, name), ...nested(2, data)]);
}

/** netlink(7): a header in the machine's byte order, `struct nfgenmsg`, attributes. */
function message(
  type: number,
  { flags = 0, family = 1, resource = 0 }: { flags?: number; family?: number; resource?: number },
  attributes: number[] = [],
): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt32LE(20 + attributes.length, 0);
  head.writeUInt16LE(type, 4);
  head.writeUInt16LE(request | flags, 6);
  head.writeUInt8(family, 16);
  head.writeUInt16BE(resource, 18);
  return Buffer.concat([head, Buffer.from(attributes)]);
}

/** `struct nlattr`: length and type, the value, and what fills it up to four bytes. */
function attribute(type: number, value: number[]): number[] {
  const length = 4 + value.length;
  const padding = zeros((4 - (length % 4)) % 4);
  return [length & 255, length >> 8, type & 255, type >> 8, ...value, ...padding];
}

function nested(type: number, attributes: number[]): number[] {
  return attribute(0x8000 | type, attributes);
}

/** In network byte order, as nf_tables has them. */
function number(type: number, value: number): number[] {
  return attribute(type, [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);
}

function text(type: number, value: string): number[] {
  return attribute(type, [...Buffer.from(value, 'latin1'), 0]);
}

function zeros(count: number): number[] {
  return [...Buffer.alloc(count)];
}
