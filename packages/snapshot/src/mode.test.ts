import { assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { goModeFromPosix, posixModeFromGo } from './mode.ts';

describe('stored modes', () => {
  it.each([
    [0o104755, 0o40000755],
    [0o042755, 0o20000755],
    [0o041777, 0o4000777],
    [0o100644, 0o644],
    [0o100000, 0],
    [0o107000, 0o64000000],
  ])('writes st_mode %o as Go does: %o', (posix, go) => {
    expect(goModeFromPosix(posix)).toBe(go);
  });

  it('come back as the same twelve bits', () => {
    assert(
      property(integer({ min: 0, max: 0o7777 }), (mode) => {
        expect(posixModeFromGo(goModeFromPosix(mode))).toBe(mode);
      }),
    );
  });

  it('lose every bit that chmod does not take, such as those of the file type', () => {
    expect(posixModeFromGo(0xffff_ffff)).toBe(0o7777);
    expect(posixModeFromGo(0x8000_0000 | 0o755)).toBe(0o755);
  });
});
