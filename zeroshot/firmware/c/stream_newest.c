/* The newest rows of the picture, as the front end gives them, become the nets' input. */
static void quantise_newest(const ${name}_context *context)
{
    int8_t *newest = ${name}_input_r(context) + ${old_bytes};
    uint32_t i;
    for (i = 0; i < ${new_bytes}; i++) {
        newest[i] = table[${table_row}(uint8_t)(newest[i]${to_pixel})];
    }
}
