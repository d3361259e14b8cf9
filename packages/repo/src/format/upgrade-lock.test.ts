import { describe, expect, it } from 'vitest';
import { parseGoTime, type EpochNanoseconds } from '../clock.ts';
import { encodeGoJSON } from './go-json.ts';
import {
  evaluateUpgradeLock,
  parseUpgradeLock,
  refuseLocked,
  upgradeLockJSON,
  type UpgradeLock,
} from './upgrade-lock.ts';

const MINUTE = 60_000_000_000n;
const at = (text: string): EpochNanoseconds => parseGoTime(`2026-11-24T${text}Z`, 'test');

/** Drain: 5 + 2 * 15 = 35 minutes. */
const lock: UpgradeLock = {
  ownerID: 'owner-1',
  creationTime: at('12:00:00'),
  advanceNoticeDuration: 0n,
  ioDrainTimeout: 15n * MINUTE,
  statusPollInterval: MINUTE,
  message: 'moving <indexes>',
  maxPermittedClockDrift: 5n * MINUTE,
};

describe('an upgrade lock', () => {
  it.each([
    [0n, '11:00:00', true, false],
    [0n, '12:00:00', true, false],
    [0n, '12:34:59.999999999', true, false],
    [0n, '12:35:00', true, true],
    [34n * MINUTE, '11:00:00', true, false],
    [35n * MINUTE, '11:59:59.999999999', false, false],
    [35n * MINUTE, '12:00:00', true, false],
    [35n * MINUTE, '12:35:00', true, true],
    [120n * MINUTE, '13:24:59.999999999', false, false],
    [120n * MINUTE, '13:25:00', true, false],
    [120n * MINUTE, '13:59:59.999999999', true, false],
    [120n * MINUTE, '14:00:00', true, true],
  ])('with %d ns notice at %s: locked %s, drained %s', (notice, time, locked, drained) => {
    const state = evaluateUpgradeLock({ ...lock, advanceNoticeDuration: notice }, at(time));
    expect(state).toMatchObject({ locked, drained });
  });

  it('keeps everybody but its owner out, saying who, since when and what to do', () => {
    const now = at('12:10:00');
    expect(() => refuseLocked(lock, now, undefined)).toThrow(
      expect.objectContaining({
        code: 'REPOSITORY_LOCKED',
        message:
          'the repository is locked for an upgrade by owner-1 since 2026-11-24T12:00:00Z (moving <indexes>); ' +
          'other clients are expected to be gone at 2026-11-24T12:35:00Z. Try again when the upgrade is finished. ' +
          'If its owner is gone for good, undo it with `repository upgrade rollback --force --upgrade-owner-id=owner-1`',
      }),
    );
    expect(() => refuseLocked(lock, now, 'owner-2')).toThrow(/owner-1/);
    expect(refuseLocked(lock, now, 'owner-1')).toBeUndefined();
    expect(refuseLocked(undefined, now, undefined)).toBeUndefined();
    const announced = { ...lock, advanceNoticeDuration: 120n * MINUTE };
    expect(refuseLocked(announced, now, undefined)).toBeUndefined();
  });

  it('is written as Kopia writes it', () => {
    const json =
      '{"ownerID":"owner-1","creationTime":"2026-11-24T12:00:00Z","ioDrainTimeout":900000000000,' +
      '"statusPollInterval":60000000000,"message":"moving \\u003cindexes\\u003e","maxPermittedClockDrift":300000000000}';
    expect(encodeGoJSON(upgradeLockJSON(lock))).toBe(json);
    expect(parseUpgradeLock(JSON.parse(json), 'test')).toEqual(lock);
  });
});
