import { openRepository, type BlobStorage } from '@longshore/repo';
import { cachingConfig, clientConfig, type ConnectFlagValues } from '../commands/connect-flags.ts';
import { saveConfigFile } from '../config/config-file.ts';
import type { StorageConfig } from '../config/connection-config.ts';
import { forgetKopiaFormatCache } from '../config/kopia-format-cache.ts';
import { removePassword, savePassword } from '../config/password-file.ts';
import type { CommandContext } from '../context.ts';
import { openStorage } from './open-storage.ts';
import { computing, namingPassword, upgradeOwner } from './with-repository.ts';

/** Proves that the password opens the repository, then writes the connection file. A failure leaves the old file alone. */
export async function connectRepository(
  context: CommandContext,
  storage: StorageConfig,
  flags: ConnectFlagValues,
  password: string,
): Promise<void> {
  await using opened = await openStorage(context, storage, { isFirstContact: true });
  const uniqueID = await repositoryID(context, opened, password);
  saveConnection(context, { storage, displayName: opened.displayName, uniqueID, flags, password });
}

/** Writes the connection file, and the password beside it unless that is not wanted. */
export function saveConnection(
  context: CommandContext,
  connection: {
    readonly storage: StorageConfig;
    readonly displayName: string;
    readonly uniqueID: string;
    readonly flags: ConnectFlagValues;
    readonly password: string;
  },
): void {
  const { storage, displayName, uniqueID, flags, password } = connection;
  const caching = cachingConfig(context, flags, uniqueID);
  forgetKopiaFormatCache(caching);
  saveConfigFile(context.configFile, {
    storage,
    caching,
    client: clientConfig(flags, `Repository in ${displayName}`),
  });
  if (context.flags['persist-credentials']) {
    savePassword(context.configFile, password);
    if (context.flags['use-keyring']) {
      context.log.warning(
        'longshore uses no key ring: the password is kept in a file beside the configuration.',
      );
    }
  } else removePassword(context.configFile);
  context.log.info('Connected to repository.');
}

async function repositoryID(
  context: CommandContext,
  storage: BlobStorage,
  password: string,
): Promise<string> {
  const { algorithms } = await computing(context);
  const { signal } = context;
  await using repository = await namingPassword(
    storage,
    openRepository({ storage, password, algorithms, signal, ...upgradeOwner(context) }),
  );
  return repository.uniqueID;
}
