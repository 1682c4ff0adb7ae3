// htget's loops that visit the keys and do nothing else: what they take is taken off the others.

function walkIntegers(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum = (sum + keys[i]) | 0;
  return sum;
}

function walkStrings(keys) {
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sum = (sum + keys[i].length) | 0;
  return sum;
}
