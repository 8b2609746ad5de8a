/* replay.c - runs a fuzz target over files instead of over libFuzzer's guesses. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (!f) {
            printf("ok %d - %s # skip cannot be opened\n", i, argv[i]);
            continue;
        }
        uint8_t *data = malloc(1 << 24);
        size_t n = data ? fread(data, 1, 1 << 24, f) : 0;
        uint8_t *exact = malloc(n ? n : 1); /* so that ASan sees the end */
        for (size_t k = 0; exact && k < n; k++)
            exact[k] = data[k];
        free(data);
        fclose(f);
        if (exact)
            LLVMFuzzerTestOneInput(exact, n);
        free(exact);
        printf("ok %d - %s\n", i, argv[i]);
        fflush(stdout);
    }
    return 0;
}
