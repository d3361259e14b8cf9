/** How long is left at the pace so far: `2m10s left`; undefined as long as nobody can know. */
export function timeLeft(
  done: number,
  total: number,
  elapsedMilliseconds: number,
): string | undefined {
  if (done <= 0 || total <= done || elapsedMilliseconds < 1000) return undefined;
  const seconds = Math.ceil(((total - done) / done) * (elapsedMilliseconds / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours > 0) return `${hours}h${minutes % 60}m left`;
  return minutes > 0 ? `${minutes}m${seconds % 60}s left` : `${seconds}s left`;
}
