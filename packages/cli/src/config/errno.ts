/** `ENOENT` and its like; undefined if the error is not the system's. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' && typeof Reflect.get(error, 'syscall') === 'string'
    ? code
    : undefined;
}
