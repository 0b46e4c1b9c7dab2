import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { Answer } from '../../../../src/contract/operations.ts';
import { call } from '../../api/call.ts';
import { download, upload } from '../../api/data-plane.ts';
import { useAction } from '../../state/action.ts';
import { useLoad } from '../../state/load.ts';
import { Empty, Loading, bytes, plural } from '../../ui/bits.tsx';
import { Button } from '../../ui/button.tsx';
import { Icon } from '../../ui/icons.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Table } from '../../ui/table.tsx';
import type { Column } from '../../ui/table.tsx';
import { Ago } from '../../ui/time.tsx';
import type { SandboxDetail } from './sandbox.tsx';

type Entry = Answer<'listSandboxFiles'>['entries'][number];

/** Where work is: what comes first to whoever looks for files. */
const start = '/home/user';

/** Directories to walk, files to fetch and to put there. */
export function Files({ sandbox }: { sandbox: SandboxDetail }): JSX.Element {
  const { id } = sandbox;
  const [path, setPath] = useState(start);
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const listing = useLoad(['files', id, path], async (signal) => {
    const { entries } = await call('listSandboxFiles', { params: { id }, query: { path }, signal });
    return entries.toSorted((a, b) => Number(b.is_dir) - Number(a.is_dir) || a.name.localeCompare(b.name));
  });
  const fetchFile = useAction(async (entry: Entry) => {
    await download(sandbox, below(path, entry.name), entry.is_dir);
    return `Downloaded ${entry.name}.`;
  });
  const putFiles = useAction(async (files: readonly File[]) => {
    for (const file of files) await upload(sandbox, below(path, file.name), file);
    listing.reload();
    return `Uploaded ${plural(files.length, 'file')} to ${path}.`;
  });
  return (
    <div
      class={over ? 'drop over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const files = [...(event.dataTransfer?.files ?? [])];
        if (files.length > 0) void putFiles.run(files);
      }}
    >
      <div class="filters">
        <Trail path={path} onGo={setPath} />
        <span class="end row">
          <Button icon="rotate" kind="quiet" iconOnly busy={listing.loading} onClick={listing.reload}>
            Load again
          </Button>
          <Button icon="up" busy={putFiles.busy} busyText="Uploading…" onClick={() => input.current?.click()}>
            Upload
          </Button>
          <input
            ref={input}
            type="file"
            multiple
            hidden
            onChange={(event) => {
              const files = [...(event.currentTarget.files ?? [])];
              event.currentTarget.value = '';
              if (files.length > 0) void putFiles.run(files);
            }}
          />
        </span>
      </div>
      <div class="stack">
        <Problem failure={listing.failure ?? fetchFile.failure ?? putFiles.failure} retry={listing.reload} />
        {listing.data === undefined && listing.failure === undefined && <Loading what="the directory" />}
        {listing.data?.length === 0 && (
          <Empty icon="folder" title="This directory is empty">
            <p>Drop files here, or choose them with Upload.</p>
          </Empty>
        )}
        {listing.data !== undefined && listing.data.length > 0 && (
          <Table
            label={`Files in ${path}`}
            columns={columnsFor({
              open: (name) => setPath(below(path, name)),
              fetch: (entry) => void fetchFile.run(entry),
            })}
            rows={listing.data}
            rowKey={({ name }) => name}
            rowHeight={36}
          />
        )}
      </div>
    </div>
  );
}

function columnsFor(acts: { open: (name: string) => void; fetch: (entry: Entry) => void }): Column<Entry>[] {
  return [
    {
      id: 'name',
      title: 'Name',
      width: 'minmax(0, 1fr)',
      narrow: 'main',
      cell: ({ name, is_dir: isDirectory }) => (
        <span class="named">
          <span class="muted">
            <Icon name={isDirectory ? 'folder' : 'file'} />
          </span>
          {isDirectory ? (
            <button type="button" class="link-button mono clip" onClick={() => acts.open(name)}>
              {name}/
            </button>
          ) : (
            <span class="mono clip">{name}</span>
          )}
        </span>
      ),
    },
    {
      id: 'size',
      title: 'Size',
      width: '6rem',
      end: true,
      narrow: 'sub',
      cell: ({ size, is_dir: isDirectory }) => (isDirectory ? '' : bytes(size)),
    },
    {
      id: 'modified',
      title: 'Modified',
      width: '8rem',
      end: true,
      cell: ({ modified_unix: seconds }) => <Ago at={new Date(seconds * 1000).toISOString()} />,
    },
    {
      id: 'fetch',
      title: '',
      width: '2.5rem',
      end: true,
      narrow: 'side',
      cell: (entry) => (
        <Button kind="quiet" small icon="down" iconOnly onClick={() => acts.fetch(entry)}>
          {entry.is_dir ? `Download ${entry.name} as a zip` : `Download ${entry.name}`}
        </Button>
      ),
    },
  ];
}

function Trail({ path, onGo }: { path: string; onGo: (path: string) => void }): JSX.Element {
  const parts = path.split('/').filter(Boolean);
  return (
    <nav aria-label="Path" class="trail mono">
      <button type="button" onClick={() => onGo('/')}>
        /
      </button>
      {parts.map((part, index) => {
        const here = index === parts.length - 1;
        return (
          <span key={index}>
            <button
              type="button"
              {...(here ? { 'aria-current': 'location' as const } : {})}
              onClick={() => onGo(`/${parts.slice(0, index + 1).join('/')}`)}
            >
              {part}
            </button>
            {!here && '/'}
          </span>
        );
      })}
    </nav>
  );
}

function below(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}
