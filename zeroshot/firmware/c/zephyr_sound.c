/* Words from the board's digital microphone, the node dmic_dev. Blocks wait in memory while the nets work. */
#include <zephyr/audio/dmic.h>
#include <zephyr/kernel.h>

#include "${name}.h"

#define BLOCK_BYTES (${NAME}_HOP * sizeof(int16_t))
#define BLOCKS ${blocks} /* together longer than the big net takes */

K_MEM_SLAB_DEFINE_STATIC(blocks, BLOCK_BYTES, BLOCKS, 4);

int main(void)
{
    const struct device *microphone = DEVICE_DT_GET(DT_NODELABEL(dmic_dev));
    struct pcm_stream_cfg stream = {
        .pcm_rate = ${NAME}_SAMPLE_RATE, .pcm_width = 16, .block_size = BLOCK_BYTES, .mem_slab = &blocks,
    };
    struct dmic_cfg config = {
        .io = {
            .min_pdm_clk_freq = 1000000, .max_pdm_clk_freq = 3500000, .min_pdm_clk_dc = 40, .max_pdm_clk_dc = 60,
        },
        .streams = &stream,
        .channel = {
            .req_num_streams = 1, .req_num_chan = 1, .req_chan_map_lo = dmic_build_channel_map(0, 0, PDM_CHAN_LEFT),
        },
    };
    ${name}_init();
    if (!device_is_ready(microphone) || dmic_configure(microphone, &config) < 0 ||
        dmic_trigger(microphone, DMIC_TRIGGER_START) < 0) {
        printk("no microphone\n");
        return 0;
    }
    for (;;) {
        ${name}_decision decision;
        void *samples;
        uint32_t bytes;
        if (dmic_read(microphone, 0, &samples, &bytes, 1000) < 0) {
            printk("sound was lost\n");
            return 0;
        }
        if (${name}_feed(samples, bytes / sizeof(int16_t), &decision)) {
            printk("%u %s %s\n", (unsigned)decision.hop, decision.escalated ? "big" : "little",
                   ${name}_class_names[decision.label]);
        }
        k_mem_slab_free(&blocks, samples);
    }
}
