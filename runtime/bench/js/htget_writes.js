// htget's loops that write, by the builtins and by C++ callbacks that do the same.
import { DBAdd, DBDelete, DBSet, HTAdd, HTDelete, HTSet } from 'shredder:store';

const value = new Uint32Array(16);

function set(keys, number) {
  value[0] = number;
  for (let i = 0; i < keys.length; i++) HTSet(keys[i], value);
  return keys.length;
}

function setByCallback(keys, number) {
  value[0] = number;
  for (let i = 0; i < keys.length; i++) DBSet(keys[i], value);
  return keys.length;
}

function add(keys, delta) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += HTAdd(keys[i], delta);
  return sum;
}

function addByCallback(keys, delta) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += DBAdd(keys[i], delta);
  return sum;
}

function remove(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) {
    if (HTDelete(keys[i])) sum++;
  }
  return sum;
}

function removeByCallback(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) {
    if (DBDelete(keys[i])) sum++;
  }
  return sum;
}
