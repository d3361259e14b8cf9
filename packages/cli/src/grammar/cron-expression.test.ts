import { describe, expect, it } from 'vitest';
import { isCronExpression } from './cron-expression.ts';

describe('crontab expressions', () => {
  it.each([
    '0 5 * * *',
    '*/15 * * * *',
    '0 9-17/2 * * mon-fri',
    '30 4 1,15 JAN,jul ?',
    '0 0 L * *',
    '0 0 15W * *',
    '0 0 * * 5L',
    '0 5 * * * 2030',
    '0 0 5 * * * *',
    '@daily',
    '0 5 * * * # each morning',
    '# never',
  ])('takes %j', (expression) => {
    expect(isCronExpression(expression)).toBe(true);
  });

  it.each([
    '0 5 * *',
    '60 5 * * *',
    '0 24 * * *',
    '0 5 0 * *',
    '0 5 * 13 *',
    '0 5 * * 8',
    '0 5 * * noday',
    '0 17-9 * * *',
    '0 1-2-3 * * *',
    '*/0 * * * *',
    '0 5 ,1 * *',
    'L 5 * * *',
    '0 5 * * * 1969',
    '0 0 5 * * * * *',
    '@never',
  ])('refuses %j', (expression) => {
    expect(isCronExpression(expression)).toBe(false);
  });
});
