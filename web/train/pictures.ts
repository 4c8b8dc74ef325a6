// What a model in training makes of the same z: a small spectrogram for each label, which plays.

import { el } from '../dom.ts';
import { spectrogram } from '../play/screen.ts';
import type { Pictures } from '../protocol.ts';

/** @param play called with the picture's number */
export function pictureGrid(play: (index: number) => void) {
  const element = el('div', { class: 'pictures', role: 'group', 'aria-label': 'Samples of the model' });
  const show = ({ features, count, rows, columns }: Pictures, labels: readonly string[]) => {
    const size = rows * columns;
    for (let i = 0; i < count; i++) {
      const picture = spectrogram({ features: features.subarray(i * size, (i + 1) * size), rows, columns });
      const name = count === labels.length ? labels[i] : `${i + 1}`;
      const tile = element.children[i];
      if (tile) tile.firstChild?.replaceWith(picture);
      else
        element.append(
          el(
            'button',
            { type: 'button', 'aria-label': `Play sample ${name}`, click: () => play(i) },
            picture,
            el('span', {}, name),
          ),
        );
    }
    while (element.children.length > count) element.lastChild?.remove();
  };
  return { element, show, clear: () => element.replaceChildren() };
}
