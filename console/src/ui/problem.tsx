import type { JSX } from 'preact';
import type { Failure } from '../api/failure.ts';
import { Button } from './button.tsx';
import { Icon } from './icons.tsx';
import { sentence } from './sentence.ts';

/** What went wrong, in the server's words, and what to do. */
export function Problem({ failure, retry }: { failure: Failure | undefined; retry?: () => void }): JSX.Element | null {
  if (failure === undefined) return null;
  return (
    <div class="problem" role="alert">
      <Icon name="alert" />
      <div>
        <p class="told">{sentence(failure.message)}</p>
        {failure.advice !== undefined && <p class="small">{failure.advice}</p>}
        <p class="small muted">
          <code>{failure.code}</code>
          {failure.requestId !== undefined && (
            <>
              {' · request '}
              <code>{failure.requestId}</code>
            </>
          )}
        </p>
        {retry !== undefined && (
          <div>
            <Button small icon="rotate" onClick={retry}>
              Try again
            </Button>
          </div>
        )}
      </div>
    </div>
  );
}
