// scan's loops: all elements of all values, added up, in views and in copies, with one sum or with
// four side by side; and in views by loops of other forms.
import { HTGet, HTView } from 'shredder:store';

const { float64s, uint32s } = bench;

function viewFloat64By1(keys, passes) {
  let sum = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let k = 0; k < keys.length; k++) {
      const view = HTView(keys[k]);
      const end = view.byteLength;
      for (let at = 0; at < end; at += 8) {
        sum += view.getFloat64(at, true);
      }
    }
  }
  return sum;
}

function viewFloat64By4(keys, passes) {
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let k = 0; k < keys.length; k++) {
      const view = HTView(keys[k]);
      const end = view.byteLength;
      for (let at = 0; at < end; at += 32) {
        sum0 += view.getFloat64(at, true);
        sum1 += view.getFloat64(at + 8, true);
        sum2 += view.getFloat64(at + 16, true);
        sum3 += view.getFloat64(at + 24, true);
      }
    }
  }
  return sum0 + sum1 + sum2 + sum3;
}

function viewUint32By1(keys, passes) {
  let sum = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let k = 0; k < keys.length; k++) {
      const view = HTView(keys[k]);
      const end = view.byteLength;
      for (let at = 0; at < end; at += 4) {
        sum = (sum + view.getUint32(at, true)) | 0;
      }
    }
  }
  return sum >>> 0;
}

// Leaves the loop at what no value has.
function viewBreakUint32By1(keys, passes) {
  let sum = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let k = 0; k < keys.length; k++) {
      const view = HTView(keys[k]);
      const end = view.byteLength;
      for (let at = 0; at < end; at += 4) {
        const element = view.getUint32(at, true);
        if (element === 0xffffffff) break;
        sum = (sum + element) | 0;
      }
    }
  }
  return sum >>> 0;
}

function viewDownUint32By1(keys, passes) {
  let sum = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let k = 0; k < keys.length; k++) {
      const view = HTView(keys[k]);
      for (let at = view.byteLength - 4; at >= 0; at -= 4) {
        sum = (sum + view.getUint32(at, true)) | 0;
      }
    }
  }
  return sum >>> 0;
}

function viewTryUint32By1(keys, passes) {
  let sum = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let k = 0; k < keys.length; k++) {
      const view = HTView(keys[k]);
      const end = view.byteLength;
      try {
        for (let at = 0; at < end; at += 4) {
          sum = (sum + view.getUint32(at, true)) | 0;
        }
      } catch {
        return -1;
      }
    }
  }
  return sum >>> 0;
}

function viewUint32By4(keys, passes) {
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let k = 0; k < keys.length; k++) {
      const view = HTView(keys[k]);
      const end = view.byteLength;
      for (let at = 0; at < end; at += 16) {
        sum0 = (sum0 + view.getUint32(at, true)) | 0;
        sum1 = (sum1 + view.getUint32(at + 4, true)) | 0;
        sum2 = (sum2 + view.getUint32(at + 8, true)) | 0;
        sum3 = (sum3 + view.getUint32(at + 12, true)) | 0;
      }
    }
  }
  return (sum0 + sum1 + sum2 + sum3) >>> 0;
}

function copyFloat64By1(keys, passes) {
  let sum = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let k = 0; k < keys.length; k++) {
      HTGet(keys[k], float64s);
      const end = float64s.length;
      for (let at = 0; at < end; at++) {
        sum += float64s[at];
      }
    }
  }
  return sum;
}

function copyFloat64By4(keys, passes) {
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let k = 0; k < keys.length; k++) {
      HTGet(keys[k], float64s);
      const end = float64s.length;
      for (let at = 0; at < end; at += 4) {
        sum0 += float64s[at];
        sum1 += float64s[at + 1];
        sum2 += float64s[at + 2];
        sum3 += float64s[at + 3];
      }
    }
  }
  return sum0 + sum1 + sum2 + sum3;
}

function copyUint32By1(keys, passes) {
  let sum = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let k = 0; k < keys.length; k++) {
      HTGet(keys[k], uint32s);
      const end = uint32s.length;
      for (let at = 0; at < end; at++) {
        sum = (sum + uint32s[at]) | 0;
      }
    }
  }
  return sum >>> 0;
}

function copyUint32By4(keys, passes) {
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let k = 0; k < keys.length; k++) {
      HTGet(keys[k], uint32s);
      const end = uint32s.length;
      for (let at = 0; at < end; at += 4) {
        sum0 = (sum0 + uint32s[at]) | 0;
        sum1 = (sum1 + uint32s[at + 1]) | 0;
        sum2 = (sum2 + uint32s[at + 2]) | 0;
        sum3 = (sum3 + uint32s[at + 3]) | 0;
      }
    }
  }
  return (sum0 + sum1 + sum2 + sum3) >>> 0;
}
