/**
 * Runs `consume` on each item, one at a time, while the next one is being made. The first failure of either side
 * aborts `failure`, on whose signal both should stop; both are awaited before it is thrown.
 */
export async function consumeOneAhead<T>(
  items: AsyncGenerator<T, void, void>,
  consume: (item: T) => Promise<void>,
  failure: AbortController,
): Promise<void> {
  let firstError: { readonly error: unknown } | undefined;
  const fail = (error: unknown): undefined => {
    firstError ??= { error };
    failure.abort(error);
  };
  let upcoming = items.next().catch(fail);
  for (;;) {
    const item = await upcoming;
    if (item === undefined || item.done === true || firstError !== undefined) break;
    upcoming = items.next().catch(fail);
    await consume(item.value).catch(fail);
  }
  if (firstError === undefined) return;
  await items.return().catch(fail);
  throw firstError.error;
}
