// json's loops: each document is parsed, changed and made a text again, which stays in JavaScript or
// goes back to the store.
import { HTGetString, HTSet } from 'shredder:store';

const { texts } = bench;

function alone(keys, rounds) {
  let sum = 0;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < keys.length; i++) {
      const document = JSON.parse(texts[i]);
      document.count++;
      texts[i] = JSON.stringify(document);
      sum += texts[i].length;
    }
  }
  return sum;
}

function stored(keys, rounds) {
  let sum = 0;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < keys.length; i++) {
      const document = JSON.parse(HTGetString(keys[i]));
      document.count++;
      const text = JSON.stringify(document);
      HTSet(keys[i], text, { keepTtl: true });
      sum += text.length;
    }
  }
  return sum;
}
