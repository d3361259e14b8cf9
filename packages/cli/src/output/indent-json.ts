/** Compact JSON spread over lines as Go does it: empty objects and lists stay as they are. */
export function indentJSON(compact: string, indent = '  ', prefix = ''): string {
  let output = '';
  let depth = 0;
  const newLine = (): string => `\n${prefix}${indent.repeat(depth)}`;
  for (let i = 0; i < compact.length; i++) {
    const character = compact[i]!;
    if (character === '"') {
      const end = endOfString(compact, i);
      output += compact.slice(i, end);
      i = end - 1;
    } else if (character === '{' || character === '[') {
      const isEmpty = compact[i + 1] === (character === '{' ? '}' : ']');
      if (isEmpty) {
        output += compact.slice(i, i + 2);
        i += 1;
      } else {
        depth += 1;
        output += character + newLine();
      }
    } else if (character === '}' || character === ']') {
      depth -= 1;
      output += newLine() + character;
    } else if (character === ',') output += character + newLine();
    else if (character === ':') output += ': ';
    else output += character;
  }
  return output;
}

function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}
