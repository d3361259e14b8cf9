import type { Command } from '../grammar/command.ts';
import { historyCommand } from './history-copy.ts';

export const command: Command = historyCommand('move');
