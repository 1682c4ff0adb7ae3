// htget's loops that read: for each builtin, and for what C++ callbacks can do in its place.
import {
  DBGet,
  DBGetNumber,
  HTGet,
  HTGetFloat64,
  HTGetString,
  HTGetUint32,
  HTHas,
  HTLength,
  HTView,
} from 'shredder:store';

const buffer = new Uint32Array(16);

function get(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) {
    HTGet(keys[i], buffer);
    sum += buffer[0];
  }
  return sum;
}

function wordByNumber(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += DBGetNumber(keys[i]);
  return sum;
}

function wordByBuffer(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += new Uint32Array(DBGet(keys[i]))[0];
  return sum;
}

function has(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) {
    if (HTHas(keys[i])) sum++;
  }
  return sum;
}

function hasByNumber(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) {
    if (DBGetNumber(keys[i]) !== undefined) sum++;
  }
  return sum;
}

function length(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += HTLength(keys[i]);
  return sum;
}

function lengthByBuffer(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += DBGet(keys[i]).byteLength;
  return sum;
}

function getUint32(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += HTGetUint32(keys[i], 0);
  return sum;
}

function getFloat64(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += HTGetFloat64(keys[i], 1);
  return sum;
}

function getFloat64ByBuffer(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += new Float64Array(DBGet(keys[i]))[1];
  return sum;
}

function text(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) {
    const text = HTGetString(keys[i]);
    sum += text.length + text.charCodeAt(15);
  }
  return sum;
}

function view(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += HTView(keys[i]).getUint32(0, true);
  return sum;
}

function viewByBuffer(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum += new DataView(DBGet(keys[i])).getUint32(0, true);
  return sum;
}
