// The end of every library that has a loop which is measured. In front of it are the file with the
// loop, then `loop` and `sampleArgument`. What calls the loop stays interpreted, lest the loop be
// inlined into it and compiled anew.

function run(_, [batch, argument]) {
  return loop(batch === 'all' ? bench.all : bench.batches[batch], Number(argument));
}
%NeverOptimizeFunction(run);

function optimize() {
  %PrepareFunctionForOptimization(loop);
  loop(bench.sample, sampleArgument);
  loop(bench.sample, sampleArgument);
  %OptimizeFunctionOnNextCall(loop);
  loop(bench.sample, sampleArgument);
}
%NeverOptimizeFunction(optimize);

function isOptimized() {
  const kTurboFanned = 1 << 6;
  return (%GetOptimizationStatus(loop) & kTurboFanned) !== 0;
}
