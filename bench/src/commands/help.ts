/** What `pnpm bench` without parameters prints. */
export const HELP = `pnpm bench <scenario|group|all>...   measure; "list" names scenarios, groups and data sets
    --against kopia,restic,rustic   run these programs on the same data in turn
                                    (KOPIA_BIN, RESTIC_BIN, RUSTIC_BIN, or on the PATH)
    --pairs N          turns of each program (5)
    --scale X          X times the data (1)
    --dataset NAME     only scenarios on this data set
    --longshore cli|library         which of our programs (the command if it is built)
    --seconds S        for each figure of a kernel (0.25)
    --max-minutes M    for each scenario (20)
    --out DIR          one JSON file for each scenario and index.html; what is there already
                       from this commit is not run again unless --force is given
    --json FILE, --html FILE        all results of this run
    --cache DIR        data sets (LONGSHORE_CACHE, else ~/.cache/longshore-bench)
    --work DIR         repositories and restored trees: what disk is measured (below the cache)
    --no-build         measure what is compiled already

pnpm bench auto --target file:PATH|s3:BUCKET[/PREFIX] --sample DIR
    measures this machine, this storage and this data; proposes splitter, hash, compressor,
    parallelism, pack size and memory, with what to expect of each choice
    --sample-size SIZE bytes of the sample to read (256MiB)
    --apply            set compression, splitter and parallelism in the global policy of the
                       repository at the target (password: KOPIA_PASSWORD)
    --endpoint HOST, --region NAME, --disable-tls   for S3; keys: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
    --json FILE

pnpm bench estimate DIR
    what a first and a daily snapshot would cost in bytes, packs, requests and time; writes nothing
    --target ...       measure this storage, too, and count its time
    --compression NAME, --hash NAME, --splitter NAME
    --changed-percent P  of the bytes each day (default: from the times of the files)
    --json FILE, and the flags for S3 above

pnpm bench report
    writes the tables of README.md and docs/performance.md and the HTML page from results
    --results DIR (bench/results)  --page FILE ...  --html FILE  --check
`;
