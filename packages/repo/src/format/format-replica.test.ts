import { describe, expect, it } from 'vitest';
import { concatBytes } from '../bytes.ts';
import { encodeFormatReplica, replicaAtEnd, replicaAtStart } from './format-replica.ts';
import { nativeAlgorithms } from '../node/native-algorithms.ts';

const native = nativeAlgorithms();

const formatBlob = new Uint8Array(1027).fill(0x7b);
const noise = new Uint8Array(70).fill(9);

describe('a format replica', () => {
  it('has its length at both ends and nothing else around body and MAC', async () => {
    const replica = await encodeFormatReplica(native, formatBlob);
    expect(replica).toHaveLength(2 + 1027 + 32 + 2);
    expect([...replica.subarray(0, 2)]).toEqual([0x23, 0x04]);
    expect([...replica.subarray(-2)]).toEqual([0x23, 0x04]);
  });

  it('is found at the start and at the end of a pack', async () => {
    const replica = await encodeFormatReplica(native, formatBlob);
    expect(await replicaAtStart(native, concatBytes([replica, noise]))).toEqual(formatBlob);
    expect(await replicaAtEnd(native, concatBytes([noise, replica]))).toEqual(formatBlob);
    expect(await replicaAtStart(native, concatBytes([noise, replica]))).toBeUndefined();
    expect(await replicaAtEnd(native, concatBytes([replica, noise]))).toBeUndefined();
  });

  it('is not found when any byte differs or is missing', async () => {
    const replica = await encodeFormatReplica(native, formatBlob.subarray(0, 5));
    for (let i = 0; i < replica.length - 2; i++) {
      const changed = replica.slice();
      changed[i]! ^= 1;
      expect(await replicaAtStart(native, changed)).toBeUndefined();
      expect(await replicaAtStart(native, replica.subarray(0, i))).toBeUndefined();
      expect(await replicaAtEnd(native, replica.subarray(i + 3))).toBeUndefined();
    }
    expect(await replicaAtStart(native, new Uint8Array())).toBeUndefined();
    expect(await replicaAtEnd(native, new Uint8Array(1))).toBeUndefined();
  });

  it('refuses a format blob that Kopia would not look for', async () => {
    const largest = new Uint8Array(65_000 - 32);
    const replica = await encodeFormatReplica(native, largest);
    expect(await replicaAtStart(native, replica)).toEqual(largest);
    await expect(encodeFormatReplica(native, new Uint8Array(65_000 - 31))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});
