import { StandinError } from '../../errors.ts';

const pending = () => Promise.reject(new StandinError('unavailable', 'is being built'));
export const pendingHandlers = {
  getConfig: pending,
  createSession: pending,
  getSession: pending,
  deleteSession: pending,
  listSecretVersions: pending,
  testSecret: pending,
  explainSecret: pending,
  listRequests: pending,
  explainRequest: pending,
  getActivity: pending,
  getActivityMap: pending,
  listSecretUsage: pending,
};
export const pendingStreams = { getCa: pending, streamRequests: pending };
