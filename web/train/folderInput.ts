// A folder, chosen or dropped: its files with their paths, from the folder's name on.

import { el } from '../dom.ts';
import type { FolderFile } from '../protocol.ts';

export type Chosen = { name: string; files: FolderFile[] };

/** A place to drop a folder on, with a button to choose one. */
export function folderInput(
  chosen: (folder: Chosen) => void,
  failed: (message: string) => void,
): HTMLElement {
  const input = el('input', {
    ...{ type: 'file', webkitdirectory: true, multiple: true, id: 'folder', class: 'visually-hidden' },
    change: () => {
      const files = [...(input.files ?? [])].map((file) => ({ path: file.webkitRelativePath, file }));
      input.value = '';
      if (files.length > 0) chosen({ name: files[0].path.split('/')[0], files });
    },
  });
  const zone = el(
    'div',
    { class: 'drop' },
    el('p', {}, 'Drop a folder of WAV files here'),
    input,
    el('label', { class: 'button', for: 'folder' }, 'Choose a folder …'),
    el(
      'p',
      { class: 'hint' },
      'Named label_speaker_1.wav, or sorted into a folder for each label, or without labels.',
    ),
  );
  zone.addEventListener('dragover', (event) => {
    event.preventDefault();
    zone.classList.add('over');
  });
  zone.addEventListener('dragleave', () => zone.classList.remove('over'));
  zone.addEventListener('drop', async (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    // Entries are there only while the event is handled.
    const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry());
    const [entry] = entries;
    if (entries.length !== 1 || !entry?.isDirectory) return failed('Drop one folder, not files.');
    try {
      chosen({ name: entry.name, files: await filesIn(entry as FileSystemDirectoryEntry, entry.name) });
    } catch (error) {
      failed(`${entry.name}: cannot be read (${(error as Error).message}); choose it by the button.`);
    }
  });
  return zone;
}

async function filesIn(directory: FileSystemDirectoryEntry, path: string): Promise<FolderFile[]> {
  const reader = directory.createReader();
  const found: FolderFile[] = [];
  // A reader gives some entries at a time, and none at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) return found;
    for (const entry of some) {
      const at = `${path}/${entry.name}`;
      if (entry.isDirectory) found.push(...(await filesIn(entry as FileSystemDirectoryEntry, at)));
      else {
        const file = await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail));
        found.push({ path: at, file });
      }
    }
  }
}
