import { expect, it } from 'vitest';
import { CorruptDataError, LongshoreError } from '../errors.ts';
import { packError, unpackError } from './worker-error.ts';

const travel = (error: unknown): Error => unpackError(structuredClone(packError(error)));
const facts = (one: unknown): unknown =>
  one instanceof LongshoreError ? [one.code, one.retryable, one.facts] : [];
const text = (cause: unknown): unknown => (cause instanceof Error ? String(cause) : cause);

it.each([
  new CorruptDataError('damaged', { blobID: 'p1', offset: 7, cause: new RangeError('too far') }),
  new LongshoreError('STORAGE_FAILED', 'slow', { retryable: true, path: '/a' }),
  new TypeError('no such thing'),
])('$name keeps its name, code, facts, cause and stack between threads', (error) => {
  const arrived = travel(error);
  expect(arrived).toMatchObject({ name: error.name, message: error.message, stack: error.stack });
  expect(facts(arrived)).toEqual(facts(error));
  expect(text(arrived.cause)).toBe(text(error.cause));
});

it('what was thrown without being an error arrives as its text', () => {
  expect(travel('just text')).toMatchObject({ name: 'Error', message: 'just text' });
});

it('a chain of causes without end is cut', () => {
  const loop = new Error('round');
  loop.cause = loop;
  let depth = 0;
  for (let error: unknown = travel(loop); error instanceof Error; error = error.cause) depth++;
  expect(depth).toBe(9);
});
