import { describe, expect, it } from 'vitest';
import { encodeHex, encodeUtf8 } from '../bytes.ts';
import { createBlake2b } from '../hashing/blake2b.ts';
import { createBlake2s } from '../hashing/blake2s.ts';
import { createBlake3 } from '../hashing/blake3.ts';
import { createBlake2bKernel } from './blake2b-kernel.ts';
import { createBlake2sKernel } from './blake2s-kernel.ts';
import { createBlake3Kernel } from './blake3-kernel.ts';
import { createKernelWorkspace } from './kernel-workspace.ts';

const ascending = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);
const repeating = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251);

const shared = createKernelWorkspace(
  new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true }),
);
const plain = createKernelWorkspace();

type Create = (length: number, key: Uint8Array) => Promise<(data: Uint8Array) => Uint8Array>;

describe.each<[string, Create, Create, Create]>([
  ['portable', createBlake2b, createBlake2s, (_, key) => createBlake3(key)],
  [
    'kernel in plain memory',
    async (length, key) => (await createBlake2bKernel(plain, length, key)).digest,
    (length, key) => createBlake2sKernel(plain, length, key),
    (_, key) => createBlake3Kernel(plain, key),
  ],
  [
    'kernel in shared memory',
    async (length, key) => (await createBlake2bKernel(shared, length, key)).digest,
    (length, key) => createBlake2sKernel(shared, length, key),
    (_, key) => createBlake3Kernel(shared, key),
  ],
])('%s', (_, blake2b, blake2s, blake3) => {
  it('computes the keyed BLAKE2b of the reference vectors', async () => {
    const hash = await blake2b(64, ascending(64));
    expect(encodeHex(hash(ascending(0)))).toBe(
      '10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786' +
        'b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568',
    );
    expect(encodeHex(hash(ascending(1)))).toBe(
      '961f6dd1e4dd30f63901690c512e78e4b45e4742ed197c3c5e45c549fd25f2e4' +
        '187b0bc9fe30492b16b0d0bc4ef9b0f34c7003fac09a5ef1532e69430234cebd',
    );
  });

  it('computes the BLAKE2b and BLAKE2s of RFC 7693', async () => {
    const abc = encodeUtf8('abc');
    expect(encodeHex((await blake2b(64, ascending(0)))(abc))).toBe(
      'ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1' +
        '7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923',
    );
    expect(encodeHex((await blake2s(32, ascending(0)))(abc))).toBe(
      '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982',
    );
  });

  it('computes the keyed BLAKE2s of the reference vectors', async () => {
    const hash = await blake2s(32, ascending(32));
    expect(encodeHex(hash(ascending(0)))).toBe(
      '48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49',
    );
    expect(encodeHex(hash(ascending(1)))).toBe(
      '40d15fee7c328830166ac3f918650f807e7e01e177258cdc0a39b11f598066f1',
    );
  });

  it('computes the keyed BLAKE3 of the published vectors', async () => {
    const hash = await blake3(32, encodeUtf8('whats the Elvish word for friend'));
    expect(encodeHex(hash(repeating(0)))).toBe(
      '92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26',
    );
    expect(encodeHex(hash(repeating(1)))).toBe(
      '6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b',
    );
    expect(encodeHex(hash(repeating(2048)))).toBe(
      '879cf1fa2ea0e79126cb1063617a05b6ad9d0b696d0d757cf053439f60a99dd1',
    );
  });
});
