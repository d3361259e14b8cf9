import { LongshoreError, type Labels } from '@longshore/repo';
import { formatSource, type SourceInfo } from '../source-info.ts';

const PATH = 'path';
const USER = 'user';
const HOST = 'host';
const GLOBAL = 'global';

/** The labels of a policy: global, of `@host`, of `user@host`, or of `user@host:path`. INVALID_ARGUMENT for any other target. */
export function policyLabels(target: SourceInfo): Labels {
  const { userName, host, path } = target;
  const isComplete = host !== '' && (path === '' || userName !== '');
  if (!isComplete && (userName !== '' || host !== '' || path !== '')) {
    throw new LongshoreError('INVALID_ARGUMENT', `no policy can be for ${formatSource(target)}`);
  }
  if (path !== '') {
    return { type: 'policy', policyType: PATH, username: userName, hostname: host, path };
  }
  if (userName !== '') {
    return { type: 'policy', policyType: USER, username: userName, hostname: host };
  }
  if (host !== '') return { type: 'policy', policyType: HOST, hostname: host };
  return { type: 'policy', policyType: GLOBAL };
}

/** Labels of every policy for a path of one user and host. */
export function pathPolicyLabels(owner: Pick<SourceInfo, 'host' | 'userName'>): Labels {
  return { type: 'policy', policyType: PATH, username: owner.userName, hostname: owner.host };
}

/** What a policy with these labels is for. */
export function policyTarget(labels: Labels): SourceInfo {
  return {
    host: labels['hostname'] ?? '',
    userName: labels['username'] ?? '',
    path: labels['path'] ?? '',
  };
}
