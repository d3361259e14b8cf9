import { describe, expect, it } from 'vitest';
import { parseGoTime, webRandomSource, type RandomSource } from '../clock.ts';
import { createSessionID, parseSessionID, sessionIDOf } from './session-id.ts';

const chance: RandomSource = (target) =>
  target.set([0xdf, 0x46, 0xf9, 0x46, 0x3a, 0xe9, 0x44, 0xaa]);

describe('a session ID', () => {
  it.each([
    ['2026-11-23T04:34:28Z', 'sdf46f9463ae944aa147'],
    ['2000-01-01T00:00:00Z', 'sdf46f9463ae944aa0'],
    ['2000-01-30T23:59:59.999999999Z', 'sdf46f9463ae944aa0'],
    ['2000-01-31T00:00:00Z', 'sdf46f9463ae944aa1'],
    ['1999-12-31T00:00:00Z', 'sdf46f9463ae944aa0'],
  ])('made at %s is %s', (time, id) => {
    expect(createSessionID(parseGoTime(time, 'test'), chance)).toBe(id);
  });

  it('differs each time and can be read back', () => {
    const ids = Array.from({ length: 100 }, () => createSessionID(10n ** 18n, webRandomSource));
    expect(new Set(ids).size).toBe(100);
    for (const id of ids) expect(parseSessionID(id)).toBe(id);
  });

  it.each([
    '',
    's',
    'sdf46f9463ae944aa',
    'SDF46F9463AE944AA147',
    'xdf46f9463ae944aa147',
    'sdf46f9463ae944aa147-c1',
  ])('is not %j', (text) => {
    expect(() => parseSessionID(text)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it.each([
    ['qb2a581306f06fb62ec2471344c6c789f-sa1b8ec7119422076147', 'sa1b8ec7119422076147'],
    ['xn0_54c6-sa1b8ec7119422076147-c1', 'sa1b8ec7119422076147'],
    ['sa90d13e8ee9d32ea594389d744d85172-s76c2c249527fed12147', 's76c2c249527fed12147'],
    ['ndd27184b5c2', undefined],
    ['sa90d13e8ee9d32ea594389d744d85172', undefined],
    ['p1-x-s2', 's2'],
  ])('in the name %s is %s', (blobID, id) => {
    expect(sessionIDOf(blobID)).toBe(id);
  });
});
