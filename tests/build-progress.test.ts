import { Writable } from 'node:stream';
import test from 'ava';
import { execa } from 'execa';
import { UserError } from '../build-scripts/errors.ts';
import { childrenCpuMs, describeCpu } from '../build-scripts/ui/cpu_time.ts';
import { describeFailure } from '../build-scripts/ui/failure.ts';
import { Steps } from '../build-scripts/ui/steps.ts';

class Sink extends Writable {
  text = '';
  isTTY = false;
  columns = 80;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

function steps(isTTY: boolean): { steps: Steps; sink: Sink } {
  const sink = new Sink();
  sink.isTTY = isTTY;
  return { steps: new Steps(sink as unknown as NodeJS.WriteStream), sink };
}

test('a step ends with its detail and its duration', async (t) => {
  const { steps: under, sink } = steps(false);
  const result = await under.run('Building', async (step) => {
    step.warn('careful');
    step.detail('done well');
    return 7;
  });
  t.is(result, 7);
  t.regex(sink.text, /^ {2}warning: careful\n✓ Building: done well \(\d\.\d s\)\n$/);
});

test("a step's end tells the CPU time of its programs, and of theirs, where it is worth a word", async (t) => {
  const begun = childrenCpuMs();
  const burn = 'while (process.cpuUsage().user < 300_000);';
  await execa('sh', ['-c', 'node -e "$1"; true', 'sh', burn]);
  t.true(childrenCpuMs() - begun >= 300);

  t.is(describeCpu(4_000), '');
  t.is(describeCpu(12_400), ', 12 s of CPU');
  t.is(describeCpu(846_000), ', 14.1 min of CPU');
});

test('a failed step says so, and the error goes on', async (t) => {
  const { steps: under, sink } = steps(false);
  await t.throwsAsync(
    under.run('Building', () => Promise.reject(new Error('broken'))),
    { message: 'broken' },
  );
  t.regex(sink.text, /^✗ Building failed after \d\.\d s\n$/);
});

test('on a terminal one live line is redrawn, cut to its width', async (t) => {
  const { steps: under, sink } = steps(true);
  await under.run('Building', async (step) => {
    step.detail('x'.repeat(200));
    step.progress(3, 9);
    await new Promise((resolve) => setTimeout(resolve, 250));
  });
  const drawn = sink.text.split('\r\u001B[K').filter((line) => line.startsWith('…'));
  t.true(drawn.length >= 1);
  t.true(drawn.every((line) => line.length < 80 && !line.includes('\n')));
  t.regex(sink.text, /✓ Building: x{200} \(\d\.\d s\)\n$/);
});

test('without a terminal a short step prints its end alone', async (t) => {
  const { steps: under, sink } = steps(false);
  await under.run('Building', async (step) => {
    for (let done = 0; done <= 100; done++) step.progress(done, 100);
  });
  t.is(sink.text.split('\n').length, 2);
});

test('a failure is described with its remedy, and a mistake of the program with its place', (t) => {
  t.is(describeFailure(new UserError('no.', 'Do.')), 'shredder: no.\n  Do.');
  t.is(
    describeFailure(
      Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }),
    ),
    'shredder: ENOSPC: no space left on device, write\n' +
      '  The disk is full: make room, or name a folder on another disk in SHREDDER_CACHE.',
  );
  t.regex(
    describeFailure(new TypeError('x is undefined')),
    /^shredder: TypeError: x is undefined\n +at /,
  );
});
