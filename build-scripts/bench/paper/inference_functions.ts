// What the figure `inference` calls in the store.
import { HTView, HTViewMany, type StoreView } from 'shredder:store';
import { classifyPictures } from './inference_kernel.ts';

/** `FCALL classify n picture...`: the digits that the network takes the pictures for, each a value of float32. */
export function classify(keys: string[]): number[] {
  const pictures = HTViewMany(keys).map((picture, index) => present(picture, keys[index]!));
  return classifyPictures(
    present(HTView('hidden'), 'hidden'),
    present(HTView('output'), 'output'),
    pictures,
  );
}
classify.flags = ['no-writes'];

function present(view: StoreView | undefined, key: string): StoreView {
  if (view === undefined) throw new RangeError(`there is no value "${key}"`);
  return view;
}
