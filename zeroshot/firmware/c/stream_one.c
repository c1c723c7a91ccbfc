
uint32_t ${name}_feed(const int16_t *samples, uint32_t count, ${name}_decision *decision)
{
    return ${name}_feed_r(ready(), samples, count, decision);
}
