import { createCipheriv, createHash, createSecretKey, randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { MachineNote } from './result.ts';

const MIB = 1024 ** 2;
const BLOCK = 4 * MIB;
const ROUND_SECONDS = 0.2;
const DISK_BYTES = 96 * MIB;
const LOOPBACK_BYTES = 256 * MIB;
const SMALL_FILES = 400;

/** What the parts of this machine can do, measured without any of our own code. Some two seconds. */
export async function measureMachine(folder: string): Promise<MachineNote> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${process.platform} ${process.arch} ${release()}`,
    node: process.version,
    rates: {
      memory: copyRate(),
      aes: aesRate(),
      sha256: hashRate('sha256'),
      blake2b: hashRate('blake2b512'),
      ...diskRates(folder),
      ...fileRates(folder),
      loopback: await loopbackRate(),
    },
  };
}

/** The best of several rounds: other programs only ever make it slower. */
function bestRate(bytes: number, run: () => void): number {
  run();
  const end = performance.now() + ROUND_SECONDS * 1000;
  let best = 0;
  while (performance.now() < end) {
    const startedAt = performance.now();
    run();
    best = Math.max(best, (bytes / (performance.now() - startedAt)) * 1000);
  }
  return best;
}

/** Bytes copied: each is read once and written once. Larger than caches. */
function copyRate(): number {
  const from = new Uint8Array(32 * MIB).fill(1);
  const to = new Uint8Array(32 * MIB);
  return bestRate(from.length, () => to.set(from));
}

function aesRate(): number {
  const key = createSecretKey(randomBytes(32));
  const nonce = randomBytes(12);
  const block = new Uint8Array(BLOCK).fill(1);
  return bestRate(BLOCK, () => {
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    for (let at = 0; at < BLOCK; at += 65_536) cipher.update(block.subarray(at, at + 65_536));
    cipher.final();
  });
}

function hashRate(name: string): number {
  const block = new Uint8Array(BLOCK).fill(1);
  return bestRate(BLOCK, () => void createHash(name).update(block).digest());
}

/** Sequential writes with one fsync at the end, then reads of what is still in the page cache. */
function diskRates(parent: string): Readonly<Record<'diskWrite' | 'diskRead', number>> {
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'machine-'));
  try {
    const path = join(folder, 'file');
    const block = randomBytes(MIB);
    const startedAt = performance.now();
    const fd = openSync(path, 'w+');
    for (let done = 0; done < DISK_BYTES; done += block.length) writeSync(fd, block);
    fsyncSync(fd);
    const diskWrite = (DISK_BYTES / (performance.now() - startedAt)) * 1000;
    const diskRead = bestRate(DISK_BYTES, () => {
      for (let at = 0; at < DISK_BYTES; at += MIB) readSync(fd, block, 0, MIB, at);
    });
    closeSync(fd);
    return { diskWrite, diskRead };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function look(path: string): void {
  statSync(path, { bigint: true });
}

/** Files looked at, and files of 4 KiB looked at and read, each second on one thread and from the page cache. */
function fileRates(
  parent: string,
): Readonly<Record<'entriesPerSecond' | 'filesPerSecond', number>> {
  const folder = mkdtempSync(join(parent, 'machine-'));
  try {
    const paths = Array.from({ length: SMALL_FILES }, (_, index) => join(folder, `f${index}`));
    for (const path of paths) writeFileSync(path, new Uint8Array(4096));
    return {
      entriesPerSecond: bestRate(SMALL_FILES, () => paths.forEach(look)),
      filesPerSecond: bestRate(SMALL_FILES, () => {
        for (const path of paths) {
          look(path);
          readFileSync(path);
        }
      }),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One connection over the loopback interface, both ends in this process. */
async function loopbackRate(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer((socket) => {
    let received = 0;
    const startedAt = performance.now();
    socket.on('data', (chunk) => {
      received += chunk.length;
      if (received === LOOPBACK_BYTES) {
        resolve((LOOPBACK_BYTES / (performance.now() - startedAt)) * 1000);
      }
    });
    socket.on('error', reject);
  });
  server.on('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.on('error', reject);
    const block = new Uint8Array(MIB);
    let left = LOOPBACK_BYTES / MIB;
    const send = (): void => {
      while (left > 0) {
        left -= 1;
        if (!client.write(block)) {
          client.once('drain', send);
          return;
        }
      }
      client.end();
    };
    send();
  });
  try {
    return await promise;
  } finally {
    server.close();
  }
}
