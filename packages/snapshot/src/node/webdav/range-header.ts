import type { ByteRange } from '@longshore/repo';

/**
 * The part of `size` bytes that a Range header asks for. Undefined: the whole, as for several parts, other units and
 * headers that are malformed, which RFC 9110 (14.2) lets a server ignore. `unsatisfiable`: nothing of it is there.
 */
export function parseRangeHeader(
  header: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] =
    /^bytes\s*=\s*(\d*)\s*-\s*(\d*)$/i.exec(header?.trim() ?? '') ?? [];
  if (first === '') return last === '' ? undefined : suffix(Number(last), size);
  const offset = Number(first);
  const end = last === '' ? size : Number(last) + 1;
  if (end <= offset) return offset < size || last !== '' ? undefined : 'unsatisfiable';
  if (offset >= size) return 'unsatisfiable';
  return { offset, length: Math.min(end, size) - offset };
}

function suffix(length: number, size: number): ByteRange | 'unsatisfiable' | undefined {
  if (length === 0) return 'unsatisfiable';
  // The end of nothing is the whole of it, and no Content-Range could say so.
  if (size === 0) return undefined;
  return { offset: Math.max(0, size - length), length: Math.min(length, size) };
}
