export { createDelayedStorage, type DelayedStorageOptions } from './blob/delayed-storage.ts';
export {
  createFaultyStorage,
  type FaultRecord,
  type FaultyStorage,
  type FaultyStorageOptions,
  type RandomFaults,
  type ScriptedFault,
  type StorageFault,
} from './blob/faulty-storage.ts';
export {
  blobStorageContract,
  type BlobStorageContractCase,
  type BlobStorageContractContext,
} from './blob/storage.contract.ts';
