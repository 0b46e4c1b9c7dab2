import { call } from '../../api/call.ts';
import { useLoad } from '../../state/load.ts';

/** Names to choose from; what is not among them can be typed all the same. */
export function useSecretNames(): readonly string[] {
  const { data } = useLoad(['secret-names'], async (signal) => {
    const secrets = await call('listSecrets', { signal });
    return secrets.map(({ name }) => name);
  });
  return data ?? [];
}
