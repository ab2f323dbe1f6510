/**
 * keccak-f[1600] on two states side by side, as a WebAssembly module that is written out here instruction by instruction
 * (FIPS 202 section 3). Each vector of 128 bits holds the same lane of both. Why it is ours: docs/adr/0018-snapshot-rows.md.
 */

/** Addresses are bytes of the module's memory. The states are empty at first, and again after each `squeeze`. */
export type KeccakModule = {
  readonly memory: { readonly buffer: ArrayBuffer; readonly grow: (pages: number) => number }
  /** Takes in one whole block of each of two messages. */
  readonly absorb: (left: number, right: number) => void
  /** Writes both hashes, 32 bytes each. */
  readonly squeeze: (left: number, right: number) => void
}

/** Below it lie the states; what is above is the caller's. */
export const FREE_AT = 512

const LANES = 25
const BLOCK_LANES = 17
const HASH_LANES = 4
const LANE_BYTES = 8
const PAIR_BYTES = 2 * LANE_BYTES
const PAGE_BYTES = 65_536
const ROUNDS = 24

type Code = readonly number[]

declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

/** Compiled once: what V8 learns about it serves all instances. */
let compiled: object | undefined

/** An instance with memory of its own, of which `freeBytes` are the caller's. */
export function newKeccakModule(freeBytes: number): KeccakModule {
  compiled ??= new WebAssembly.Module(Uint8Array.from(moduleBytes()))
  const keccak = new WebAssembly.Instance(compiled).exports as KeccakModule
  keccak.memory.grow(Math.ceil((FREE_AT + freeBytes) / PAGE_BYTES) - 1)
  return keccak
}

/** WebAssembly 2.0, as far as it is needed here; the instructions for vectors have a prefix. */
const I32 = 0x7f
const V128 = 0x7b
const FUNCTION = 0x60
const END = 0x0b
const CALL = 0x10
const GET = 0x20
const SET = 0x21
const TEE = 0x22
const I64_CONST = 0x42
const LOAD = [0xfd, 0x00, 0]
const LOAD_SPLAT = [0xfd, 0x0a, 0]
const STORE = [0xfd, 0x0b, 0]
const CONST = [0xfd, 0x0c]
const SPLAT = [0xfd, 0x12]
const AND_NOT = [0xfd, 0x4f]
const OR = [0xfd, 0x50]
const XOR = [0xfd, 0x51]
const LOAD_HALF = [0xfd, 0x57, 0]
const STORE_HALF = [0xfd, 0x5b, 0]
const SHIFT_LEFT = [0xfd, 0xcb, 0x01]
const SHIFT_RIGHT = [0xfd, 0xcd, 0x01]

const PERMUTE = 0
const ABSORB = 1
const SQUEEZE = 2
const SIGNATURES: readonly Code[] = [[], [I32, I32], [I32, I32]]

function moduleBytes(): Code {
  const types = SIGNATURES.map((parameters) => [FUNCTION, ...sized(parameters), 0])
  const names = [
    [...text('memory'), 2, 0],
    [...text('absorb'), 0, ABSORB],
    [...text('squeeze'), 0, SQUEEZE],
  ]
  return [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(3, [[PERMUTE], [ABSORB], [SQUEEZE]]),
    ...section(5, [[0, 1]]),
    ...section(7, names),
    ...section(10, [permute(), absorb(), squeeze()]),
  ]
}

function section(id: number, items: readonly Code[]): Code {
  return [id, ...sized([...unsigned(items.length), ...items.flat()])]
}

/** Bytes with their number in front. */
function sized(bytes: Code): Code {
  return [...unsigned(bytes.length), ...bytes]
}

function text(name: string): Code {
  return sized(Array.from(name, (character) => character.charCodeAt(0)))
}

/** LEB128: seven bits a byte, the lowest first. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

function signed(value: bigint): Code {
  const low = Number(value & 0x7fn)
  const rest = value >> 7n
  const isLast = (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40)
  return isLast ? [low] : [low | 0x80, ...signed(rest)]
}

function number32(value: number): Code {
  return [0x41, ...signed(BigInt(value))]
}

const ZERO = number32(0)

/** Where both copies of a lane lie. */
function pairAt(index: number): Code {
  return unsigned(index * PAIR_BYTES)
}

/** Where a lane of a message lies, or of a hash, from the address on the stack. */
function laneAt(index: number): Code {
  return unsigned(index * LANE_BYTES)
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

/** Locals of the permutation. The lanes of one round and of the next take turns. */
const lane = (x: number, y: number, round: number): number => (x % 5) + 5 * (y % 5) + LANES * (round % 2)
const parity = (x: number): number => 2 * LANES + (x % 5)
const effect = (x: number): number => 2 * LANES + 5 + (x % 5)
const moved = (x: number): number => 2 * LANES + 10 + (x % 5)
const WHOLE = 2 * LANES + 15
const LOCALS = WHOLE + 1
const FIVE = upTo(5)

/** All rounds are written out: a loop would have to bring every lane back to where it was. */
function permute(): Code {
  const load = upTo(LANES).flatMap((index) => [...ZERO, ...LOAD, ...pairAt(index), SET, index])
  const store = upTo(LANES).flatMap((index) => [...ZERO, GET, index, ...STORE, ...pairAt(index)])
  const offsets = rotations()
  const rounds = roundConstants().flatMap((constant, round) => [
    ...theta(round),
    ...FIVE.flatMap((y) => plane(y, round, offsets)),
    ...iota(constant, round),
  ])
  return sized([1, LOCALS, V128, ...load, ...rounds, ...store, END])
}

function theta(round: number): Code {
  const parities = FIVE.flatMap((x) => [
    ...[GET, lane(x, 0, round)],
    ...[1, 2, 3, 4].flatMap((y) => [GET, lane(x, y, round), ...XOR]),
    ...[SET, parity(x)],
  ])
  const effects = FIVE.flatMap((x) => [GET, parity(x + 4), GET, parity(x + 1), ...rotate(1), ...XOR, SET, effect(x)])
  return [...parities, ...effects]
}

/** ρ and π into one plane and χ within it at once: few lanes are under way at a time, as there are few registers. */
function plane(y: number, round: number, offsets: readonly number[]): Code {
  const arrive = FIVE.flatMap((x) => {
    // π moves (x, y) to (y, 2x + 3y): what arrives at (x, y) comes from (x + 3y, x).
    const fromX = (x + 3 * y) % 5
    const rotated = rotate(offsets[lane(fromX, x, 0)] as number)
    return [GET, lane(fromX, x, round), GET, effect(fromX), ...XOR, ...rotated, SET, moved(x)]
  })
  const chi = FIVE.flatMap((x) => [
    ...[GET, moved(x), GET, moved(x + 2), GET, moved(x + 1), ...AND_NOT, ...XOR],
    ...[SET, lane(x, y, round + 1)],
  ])
  return [...arrive, ...chi]
}

function iota(constant: bigint, round: number): Code {
  const both = [I64_CONST, ...signed(BigInt.asIntN(64, constant)), ...SPLAT]
  return [GET, lane(0, 0, round + 1), ...both, ...XOR, SET, lane(0, 0, round + 1)]
}

/** Vectors have no rotation. */
function rotate(bits: number): Code {
  if (bits === 0) return []
  const high = [...number32(bits), ...SHIFT_LEFT]
  const low = [...number32(8 * LANE_BYTES - bits), ...SHIFT_RIGHT]
  return [TEE, WHOLE, ...high, GET, WHOLE, ...low, ...OR]
}

/** By how much ρ rotates each lane. */
function rotations(): number[] {
  const offsets: number[] = Array(LANES).fill(0)
  let [x, y] = [1, 0]
  for (let step = 1; step < LANES; step++) {
    offsets[lane(x, y, 0)] = ((step * (step + 1)) / 2) % (8 * LANE_BYTES)
    ;[x, y] = [y, (2 * x + 3 * y) % 5]
  }
  return offsets
}

/** The constants of ι: their bits 0, 1, 3, 7, 15, 31 and 63 come from a shift register of eight bits. */
function roundConstants(): bigint[] {
  let register = 1
  const nextBit = (): bigint => {
    const bit = register & 1
    const shifted = register << 1
    register = shifted > 0xff ? shifted ^ 0x171 : shifted
    return BigInt(bit)
  }
  return upTo(ROUNDS).map(() =>
    upTo(7).reduce((constant, power) => constant | (nextBit() << (2n ** BigInt(power) - 1n)), 0n),
  )
}

/** absorb(left, right) */
function absorb(): Code {
  const mix = upTo(BLOCK_LANES).flatMap((index) => [
    ...[...ZERO, ...ZERO, ...LOAD, ...pairAt(index)],
    ...[GET, 1, GET, 0, ...LOAD_SPLAT, ...laneAt(index), ...LOAD_HALF, ...laneAt(index), 1],
    ...[...XOR, ...STORE, ...pairAt(index)],
  ])
  return sized([0, ...mix, CALL, PERMUTE, END])
}

/** squeeze(left, right) */
function squeeze(): Code {
  const give = upTo(HASH_LANES).flatMap((index) =>
    [0, 1].flatMap((half) => [GET, half, ...ZERO, ...LOAD, ...pairAt(index), ...STORE_HALF, ...laneAt(index), half]),
  )
  const empty = upTo(LANES).flatMap((index) => [
    ...[...ZERO, ...CONST, ...Array<number>(PAIR_BYTES).fill(0), ...STORE, ...pairAt(index)],
  ])
  return sized([0, ...give, ...empty, END])
}
