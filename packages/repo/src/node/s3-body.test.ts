import { expect, it } from 'vitest';

import { contentMD5, uploadBody } from './s3-body.ts';

it('hashes gathered pieces as the whole', async () => {
  const abc = ['a', 'bc', ''].map((text) => Buffer.from(text));
  expect(await contentMD5(abc, undefined)).toBe('kAFQmDzST7DWlj99KOF/cg==');
  expect(await contentMD5([], undefined)).toBe('1B2M2Y8AsgTpgAmY7PhCfg==');
});

it('stops hashing when the signal fires', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const hash = contentMD5([new Uint8Array(20_000_000)], controller.signal);
  controller.abort(reason);
  await expect(hash).rejects.toBe(reason);
});

it('sends gathered pieces in order, from shared memory too', async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(600_000), 3, 500_000).fill(7);
  const sent: Buffer[] = [];
  for await (const chunk of uploadBody([Buffer.from('head'), shared, Buffer.from('tail')])) {
    sent.push(chunk as Buffer);
  }
  const whole = Buffer.concat(sent);
  expect(whole.length).toBe(500_008);
  expect(whole.subarray(0, 4).toString() + whole.subarray(-4).toString()).toBe('headtail');
  expect(whole.subarray(4, -4).every((byte) => byte === 7)).toBe(true);
});
